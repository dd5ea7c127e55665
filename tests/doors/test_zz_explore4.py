import httpx
from tests.doors.test_zz_explore2 import door
def test_hooks(door):
    for p in("stripe","sendgrid","twilio","network"):
        for t in("application/json","application/x-www-form-urlencoded"):
            for b in(b"{}",b"",b"a=b",b"[]"):
                r=httpx.post(door+"/webhooks/"+p,content=b,headers={"content-type":t}); print(p,t,b,r.status_code,r.text[:150])
