"""The pages behind a signed address: paying by paylink, and payment methods."""
