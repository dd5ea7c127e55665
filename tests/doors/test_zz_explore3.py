import json, collections, itertools, os
import pytest, httpx
from tests.doors.test_zz_explore2 import S, KNOWN, door
from tests.doors.doors_world import ADMIN_KEY
IDS=["acc_999999","acc_x","inv_1","x"*300,"acc_"+"9"*25,"acc_"+"9"*18,"acc_-1","acc_0","acc_1e3","acc_٣","🙂","%F0%9F%98","%ff","%00","%2F","..","%2e%2e","acc_1001%20"," ","'","acc_1001;DROP","%ud800","acc_01001","ACC_1001","acc_1001?x=1"]
JSONS={"empty":b"","damaged":b'{"a":',"damaged2":b"{'a':1}","list":b"[]","number":b"1","null":b"null","string":b'"x"',"nan":b"NaN","utf16":'{"reason":"x"}'.encode("utf-16"),"bad utf8":b'{"reason":"\xff\xfe"}',"nul":b'{"reason":"\\u0000"}',"rawnul":b"\x00","surrogate":b'{"reason":"\\ud800"}',"deep list":b"["*900+b"]"*900,"very deep":b"["*100000+b"]"*100000,"deep":b'{"definition":'*400+b"1"+b"}"*400,"huge int":b'{"amount_minor":'+b"9"*5000+b"}","huge":b'{"amount_minor":1e999999}',"dup":b'{"reason":"a","reason":"b"}',"bom":b'\xef\xbb\xbf{}', "empty obj": b"{}", "big string": b'{"reason":"'+b"x"*900000+b'"}',"definition list deep":b'{"definition":'+b"["*500+b"]"*500+b',"brand":"vonk"}', "price deep":b'{"price":'+b'{"a":'*300+b"1"+b"}"*300+b',"currency":"EUR"}'}
TYPES=["application/json","text/plain","application/xml","application/x-www-form-urlencoded","multipart/form-data","multipart/form-data; boundary=","multipart/form-data; boundary=x","application/json; charset=utf-16","application/vnd.api+json","","nonsense","application/json; charset=\xff"]
def ops():
    for p,ms in S["paths"].items():
        for m,o in ms.items(): yield m.upper(),p,o
def look(r,what,bad):
    k=None
    if r.status_code>=500: k="5xx"
    elif r.status_code>=400:
        if r.headers.get("content-type")!="application/problem+json": k="not a problem "+str(r.headers.get("content-type"))
        else:
            b=r.json()
            if not(b["field"] and b["detail"] and b["remedy"]): k="empty"
    if k: bad.setdefault((k,*what),r.text[:250])
def test_ids(door):
    bad={}; codes=collections.Counter()
    with httpx.Client(base_url=door, headers={"X-API-Key":ADMIN_KEY},timeout=60) as c:
        for m,p,o in ops():
            names=[q["name"] for q in o.get("parameters",[]) if q["in"]=="path"]
            for name in names:
                for odd in IDS:
                    path=p
                    for n in names: path=path.replace("{"+n+"}", odd if n==name else KNOWN[n])
                    body=o.get("requestBody",{}).get("content",{}).get("application/json",{}).get("schema",{}).get("$ref","").rpartition("/")[2]
                    ex=(S["components"]["schemas"].get(body,{}).get("examples") or [{}])[0]
                    r=c.request(m,path,json=ex if body else None)
                    codes[r.status_code]+=1
                    if r.status_code<300: print("OK?",m,p,name,odd,r.status_code)
                    look(r,(m,p,name,odd),bad)
    print(codes)
    for k,v in bad.items(): print("BAD",k,v)
    assert not bad
def test_raw(door):
    bad={}; codes=collections.Counter()
    with httpx.Client(base_url=door, headers={"X-API-Key":ADMIN_KEY},timeout=60) as c:
        for m,p,o in ops():
            path=p.format(**KNOWN)
            for name,raw in JSONS.items():
                for t in (["application/json"] if name not in("empty","empty obj","list") else TYPES):
                    r=c.request(m,path,content=raw,headers={"content-type":t.encode("latin-1")})
                    codes[r.status_code]+=1
                    look(r,(m,p,name,t),bad)
                    if r.status_code==400: print(400,m,p,name,t,r.text[:200])
    print(codes)
    for k,v in bad.items(): print("BAD",k,v)
    assert not bad
def test_queries(door):
    bad={}; codes=collections.Counter()
    ODD=["","x","-1","0","32","99999999999999999999","1e3","1.5","true","null","NaN","%00","%ff","🙂","2027-02-30","0001-01-01","9999-12-31","2199-12-31","Europe/Atlantis","../../etc/passwd","x"*3000,"a&b=c","[]"]
    with httpx.Client(base_url=door, headers={"X-API-Key":ADMIN_KEY},timeout=60) as c:
        for m,p,o in ops():
            if m!="GET": continue
            qs=[q for q in o.get("parameters",[]) if q["in"]=="query"]
            base="&".join(f"{q['name']}={q['schema'].get('examples',['1'])[0]}" for q in qs if q["required"])
            for q in [*qs,{"name":"unknown"}]:
                for odd in ODD:
                    r=c.get(p.format(**KNOWN)+"?"+base+"&"+q["name"]+"="+odd)
                    codes[r.status_code]+=1
                    if r.status_code<300 : print("OK?",p,q["name"],odd[:40])
                    look(r,(p,q["name"],odd[:50]),bad)
    print(codes)
    for k,v in bad.items(): print("BAD",k,v)
    assert not bad
