"""What proves who somebody is: passwords, one-time codes, an OpenID Connect provider."""

from billing.adapters.access.openid import HttpOpenIdProvider
from billing.adapters.access.passwords import ArgonPasswords
from billing.adapters.access.second_factor import TimedCodes

__all__ = ["ArgonPasswords", "HttpOpenIdProvider", "TimedCodes"]
