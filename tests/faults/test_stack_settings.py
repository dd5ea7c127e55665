"""Settings come from the environment, keep secrets, and refuse what must never run together."""

from __future__ import annotations

import pytest

from evenflow.settings import Settings, SettingsError, read_settings

LIVE = {"EVENFLOW_STRIPE_SECRET_KEY": "sk_live_abc"}
SIMULATOR = "http://127.0.0.1:21000"


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    read_settings.cache_clear()


def settings_from(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def test_a_name_is_the_prefix_the_group_and_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(monkeypatch, {"EVENFLOW_SENDGRID_API_BASE": SIMULATOR, "EVENFLOW_DATA_DIR": "elsewhere"})
    assert settings.sendgrid.api_base == SIMULATOR
    assert str(settings.data_dir) == "elsewhere"


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(monkeypatch, {"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_hidden"})
    assert "hidden" not in repr(settings)
    assert settings.stripe.secret_key.get_secret_value() == "sk_test_hidden"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({**LIVE, "EVENFLOW_STRIPE_API_BASE": SIMULATOR}, "live key while EVENFLOW_STRIPE_API_BASE"),
        ({**LIVE, "EVENFLOW_TWILIO_API_BASE": SIMULATOR}, "live key while EVENFLOW_TWILIO_API_BASE"),
        ({"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_sim_key"}, "points to Stripe"),
        ({**LIVE, "EVENFLOW_CLOCK_RATE": "17280"}, "EVENFLOW_CLOCK_RATE is 17280 while Stripe"),
        ({"EVENFLOW_SENDGRID_API_KEY": "SG.x", "EVENFLOW_CLOCK_RATE": "2"}, "while SendGrid"),
        ({"EVENFLOW_CLOCK_RATE": "0"}, "EVENFLOW_CLOCK_RATE cannot be used"),
        ({"EVENFLOW_DATABASE_POOL_SIZE": "many"}, "EVENFLOW_DATABASE_POOL_SIZE cannot be used"),
        ({"EVENFLOW_BILLING_SPREAD_SECONDS": "86400"}, "EVENFLOW_BILLING_SPREAD_SECONDS cannot be used"),
        ({"EVENFLOW_USAGE_KEEP_DAYS": "30"}, "EVENFLOW_USAGE_KEEP_DAYS cannot be used: records may be sent again"),
        ({"EVENFLOW_USAGE_RESENT_DAYS": "91"}, "EVENFLOW_USAGE_RESENT_DAYS cannot be used"),
        ({"EVENFLOW_ALERTS_EMAIL": "ops@example.com, nobody"}, "nobody is no email address"),
        ({"EVENFLOW_ALERTS_WEBHOOK": "chat.example.com"}, "EVENFLOW_ALERTS_WEBHOOK cannot be used: write it like"),
        ({"EVENFLOW_ALERTS_DIGEST_HOUR": "24"}, "EVENFLOW_ALERTS_DIGEST_HOUR cannot be used"),
        ({"EVENFLOW_ALERTS_LEAST_SEVERITY": "loud"}, "EVENFLOW_ALERTS_LEAST_SEVERITY cannot be used"),
    ],
)
def test_what_must_not_run_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings_from(monkeypatch, environment)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "sk_live_abc" not in str(refusal.value)


@pytest.mark.parametrize(
    "environment",
    [
        LIVE,
        {"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_abc", "EVENFLOW_CLOCK_RATE": "17280"},
        {"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_sim_key", "EVENFLOW_STRIPE_API_BASE": SIMULATOR},
        {},
    ],
)
def test_what_fits_together_is_accepted(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    settings_from(monkeypatch, environment)
