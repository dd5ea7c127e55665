import json, copy, collections, itertools, os
import pytest, httpx
from api.app import create_app
from api.container import Container
from tests.doors.every_door import every_door
from tests.doors.doors_world import ADMIN_KEY
from billing.domain import cycle_plan
cycle_plan._CHECKED_YEARS=range(2027,2028)
S=create_app(Container(None,None,None,"http://door.test")).openapi()
KNOWN={"account_id":"acc_1001","invoice_id":"inv_1001","method_id":"pm_1001","dispute_id":"dsp_1001","file_id":"file_1001","issue_id":"rec_1001","brand":"vonk","kind":"reminder","channel":"sms","locale":"nl"}
ODD=[None, True, False, 0, -1, 10**18, 10**400, 1.5, 1e308, -0.0, "", " ", "x"*300, "x"*70000, "\0", "🙂", "\ud800", "١٢", "1e9", "NaN", "-5", "2027-02-30", "9999-12-31", "0001-01-01", "2199-12-31T23:59:59+14:00", "../../etc/passwd", "%s{0}{{x}}", [], {}, [[]], [None], {"a":1}, {"":""}, ["x"]*1000, "USD", "Europe/Atlantis","1E-999999999","1E+999999999","31", "'; DROP TABLE x; --", "=1+1", "<b>"]
def body_examples():
    for p,ms in S["paths"].items():
        for m,o in ms.items():
            c=o.get("requestBody",{}).get("content",{}).get("application/json")
            if not c or p.startswith("/webhooks"): continue
            sch=c["schema"]; sch=S["components"]["schemas"].get(sch.get("$ref","").rpartition("/")[2],sch)
            exs=[e["value"] for e in c.get("examples",{}).values()] or sch.get("examples")
            for e in exs: yield m.upper(),p.format(**KNOWN),e
def places(v,pre=()):
    yield pre
    if isinstance(v,dict):
        for k,x in v.items(): yield from places(x,(*pre,k))
    elif isinstance(v,list):
        for k,x in enumerate(v): yield from places(x,(*pre,k))
def replaced(v,place,odd):
    if not place: return odd
    v=copy.deepcopy(v); t=v
    for k in place[:-1]: t=t[k]
    t[place[-1]]=odd
    return v
@pytest.fixture(scope="module")
def door(postgres_server, migrated_template, simulator_environment, tmp_path_factory):
    postgres_server.create_database("fuzz2", template=migrated_template)
    with every_door(postgres_server.url("fuzz2"), simulator_environment, tmp_path_factory.mktemp("f")) as a:
        yield a
    postgres_server.drop_database("fuzz2")
def test_mutations(door):
    bad=collections.Counter(); first={}; n=0; acc={}; codes=collections.Counter()
    only=os.environ.get("ONLY","")
    with httpx.Client(base_url=door, headers={"X-API-Key":ADMIN_KEY,"content-type":"application/json"},timeout=60) as c:
        for m,p,e in body_examples():
            if only not in p: continue
            r=c.request(m,p,content=json.dumps(e)); print("EXAMPLE",m,p,r.status_code, r.text[:200] if r.status_code>=400 else "")
            for place in places(e):
                for odd in ODD:
                    n+=1
                    try:
                        v=replaced(e,place,odd)
                        if p=="/v1/accounts" and isinstance(v,dict):
                            if place!=("number",): v["number"]=f"F{n}"
                            for k,x in enumerate(v["services"] if isinstance(v.get("services"),list) else []):
                                if isinstance(x,dict) and place!=("services",k,"identifier"): x["identifier"]=f"+3161{n:07}"
                        if p=="/v1/brands" and isinstance(v,dict) and place!=("brand",): v["brand"]=f"b{n}"
                        body=json.dumps(v)
                    except Exception: continue
                    r=c.request(m,p,content=body)
                    codes[r.status_code]+=1
                    if r.status_code<300: acc.setdefault((m,p,place),[]).append(repr(odd)[:25])
                    what=None
                    if r.status_code>=500: what="5xx"
                    elif r.status_code>=400:
                        b=r.json()
                        if not(b["field"] and b["detail"] and b["remedy"]): what="empty "+str({k:b[k] for k in("field","detail","remedy")})
                        elif len(b["value"])>2000: what="long value"
                    if what:
                        k=(m,p,place,what); bad[k]+=1; first.setdefault(k,(repr(odd)[:80],r.text[:300]))
    print(n,codes)
    for k,v in acc.items(): print("ACC",*k,v)
    for k,v in bad.items(): print("BAD",k,v,first[k])
    assert not bad
