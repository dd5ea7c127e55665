"""The creditor's bank: takes files of direct debits, answers with status reports, books, and writes statements."""
