import asyncio
from tests.process.people import *
import inspect, tests.process.people as people
from tests.doors.test_api_actions import ACTIONS
from api.schemas.accounts import AN_ACCOUNT
ODD=["🙂","inv_999","inv_x","svc_999","pm_999","'; DROP","a"*40]
async def test_live(world):
    a=await world.post("/v1/accounts", AN_ACCOUNT|{"number":"LIVE1","services":[],"discounts":[]})
    aid=a["account_id"]
    async def act(name, body):
        r=await world.api.post(f"/v1/accounts/{aid}/actions/{name}", json={"reason":"x",**body})
        print(name, body, r.status_code, r.text[:260] if r.status_code>=400 else r.text[:120])
    for o in ODD:
        await act("retry-collection",{"invoice_id":o}); await act("waive-invoice",{"invoice_id":o}); await act("refund-payment",{"attempt_id":o})
        await act("bar-service",{"service_id":o}); await act("unbar-service",{"service_id":o}); await act("change-payment-method",{"method_id":o}); await act("change-dunning-policy",{"policy_code":o,"policy_version":1})
    for d in (0,32,-1,10**18,10**400): await act("change-cycle-day",{"cycle_day":d})
    await act("promise-to-pay",{"pay_by":"2000-01-01"}); await act("promise-to-pay",{"pay_by":"2199-12-31","amount_minor":10**12}); await act("hold-until",{"until":"2000-01-01T00:00:00Z"}); await act("hold-until",{"until":"2199-12-31T23:59:59+14:00"})
    await act("adjust-balance",{"amount_minor":0,"description":"x"}); await act("adjust-balance",{"amount_minor":10**12,"description":"x"})
    await act("retry-collection",{})
    r=await world.get(f"/v1/accounts/{aid}"); print(r["process"])
    for body in ({"invoice_id":"inv_999","amount_minor":1,"reason":"x"},{"invoice_id":"🙂","reason":"x"}):
        r=await world.api.post(f"/v1/accounts/{aid}/disputes",json=body); print("dispute",body,r.status_code,r.text[:200])
    r=await world.api.post(f"/v1/accounts/{aid}/disputes/dsp_999/close",json={"outcome":"accepted","decision":"x"}); print(r.status_code,r.text[:200])
    r=await world.api.post(f"/v1/accounts/{aid}/pay-session"); print(r.status_code,r.text[:200])
