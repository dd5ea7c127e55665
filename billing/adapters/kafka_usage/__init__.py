"""Kafka as a source of usage."""

from billing.adapters.kafka_usage.consumer import KafkaAccess, KafkaStream

__all__ = ["KafkaAccess", "KafkaStream"]
