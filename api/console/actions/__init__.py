"""What a person may do to an account from the console: every command of the API as a form, described as data."""
