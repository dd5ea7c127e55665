"""exploration"""
import os, time, collections
import pytest, schemathesis, requests
SESSION=requests.Session()
from hypothesis import settings, HealthCheck, Phase
from schemathesis.checks import not_a_server_error, load_all_checks, CHECKS
load_all_checks()
from billing.domain import cycle_plan
cycle_plan._CHECKED_YEARS=range(2027,2028)
from api.app import create_app
from api.container import Container
from tests.doors.every_door import every_door
from tests.doors.doors_world import ADMIN_KEY

SCHEMA = schemathesis.openapi.from_dict(create_app(Container(None, None, None, "http://door.test")).openapi())
SCHEMA.config.phases.coverage.unexpected_methods=set()
KNOWN={"account_id":"acc_1001","invoice_id":"inv_1001","method_id":"pm_1001","dispute_id":"dsp_1001","file_id":"file_1001","issue_id":"rec_1001"}
COUNT=collections.Counter()

@pytest.fixture(scope="module")
def door(postgres_server, migrated_template, simulator_environment, tmp_path_factory):
    postgres_server.create_database("fuzz", template=migrated_template)
    with every_door(postgres_server.url("fuzz"), simulator_environment, tmp_path_factory.mktemp("f")) as a:
        yield a
    print(COUNT)
    postgres_server.drop_database("fuzz")

@SCHEMA.parametrize()
@settings(max_examples=int(os.environ.get("N","20")), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_all(case, door):
    for n,v in KNOWN.items():
        if n in case.path_parameters: case.path_parameters[n]=v
    t=time.time()
    r=case.call(session=SESSION,base_url=door, headers={"X-API-Key":ADMIN_KEY})
    COUNT[r.status_code]+=1
    case.validate_response(r, excluded_checks=[CHECKS.get_one("positive_data_acceptance")])
    if r.status_code>=400:
        b=r.json()
        assert b["field"] and b["remedy"] and b["detail"] and "value" in b,(b)
