"""The doors of usage, in front of the framework: one record, a batch, a stream, CloudEvents.

They are bare ASGI because a record is taken in less time than the framework needs to find its route. Their routes
(``api.routers.usage_records``) describe them and lead here too, so there is one way to take a record.
"""
