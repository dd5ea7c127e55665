"""Customers with names and addresses as telcos have them; numbers and domains that belong to nobody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A customer's name and address; ``company`` is set for a business."""

    name: str
    street: str
    postcode: str
    city: str


_DUTCH = (
    "Sanne de Vries|Prinsengracht 214|1016 HD|Amsterdam",
    "Daan Bakker|Oudegracht 88|3511 AV|Utrecht",
    "Fatima El Amrani|Nieuwe Binnenweg 301|3021 GH|Rotterdam",
    "Bram van Dijk|Grote Markt 12|9712 HS|Groningen",
    "Lotte Visser|Stratumseind 45|5611 EN|Eindhoven",
    "Jeroen Mulder|Korenmarkt 7|6811 GW|Arnhem",
    "Noor Smit|Botermarkt 19|2311 EM|Leiden",
    "Thijs de Boer|Voorstraat 61|8011 MK|Zwolle",
    "Emma Meijer|Vrijthof 33|6211 LD|Maastricht",
    "Ruben Dekker|Gedempte Oude Gracht 5|2011 GK|Haarlem",
    "Yara Jansen|Lange Vijverberg 14|2513 AC|Den Haag",
    "Sem Willems|Ginnekenweg 102|4818 JG|Breda",
    "Julia van den Berg|Nieuwstad 28|8911 CL|Leeuwarden",
    "Milan Hoekstra|Wagnerplein 3|5011 LP|Tilburg",
    "Anouk Peters|Molenstraat 77|6511 HB|Nijmegen",
    "Koen van Leeuwen|Laan van Meerdervoort 160|2517 BE|Den Haag",
    "Iris Kok|Breestraat 90|2311 CV|Leiden",
    "Mees Scholten|Deldenerstraat 21|7551 AC|Hengelo",
    "Roos Vermeulen|Hinthamerstraat 54|5211 MN|'s-Hertogenbosch",
    "Stijn Postma|Langestraat 16|3811 AA|Amersfoort",
    "Eva Kuipers|Hoogstraat 9|3111 HC|Schiedam",
    "Luuk Brouwer|Markt 40|2611 GT|Delft",
)
_BRITISH = (
    "Oliver Hughes|14 Bellevue Road|BS8 1NA|Bristol",
    "Amelia Clarke|3 Calton Hill|EH1 3BJ|Edinburgh",
    "Priya Sharma|88 Wilmslow Road|M14 5AL|Manchester",
    "Harry Bennett|27 Micklegate|YO1 6JG|York",
    "Isla Campbell|51 Byres Road|G11 5RG|Glasgow",
    "Jack Turner|9 The Calls|LS2 7EY|Leeds",
    "Grace O'Neill|120 Lisburn Road|BT9 6AJ|Belfast",
    "George Wright|6 Magdalen Street|NR3 1HU|Norwich",
    "Freya Davies|35 Cathedral Road|CF11 9HB|Cardiff",
    "Mohammed Ali|204 Stratford Road|B11 1AD|Birmingham",
    "Poppy Edwards|18 Lark Lane|L17 8US|Liverpool",
    "Charlie Morgan|72 Ecclesall Road|S11 8PR|Sheffield",
    "Evie Foster|5 Grey Street|NE1 6EE|Newcastle upon Tyne",
    "Arthur Reid|41 Union Street|AB11 6BD|Aberdeen",
    "Sophie Patel|11 Mill Road|CB1 2AD|Cambridge",
    "Leo Hamilton|30 Sidwell Street|EX4 6NN|Exeter",
    "Ella Brooks|2 Ship Street|BN1 1AD|Brighton",
    "Theo Walsh|63 Bailgate|LN1 3AN|Lincoln",
)
_PEOPLE = {"vonk": _DUTCH, "brio": _BRITISH}


def person(brand: str, number: int) -> Person:
    """The ``number``-th customer of a brand, counted from zero; names come again after the last."""
    rows = _PEOPLE[brand]
    return Person(*rows[number % len(rows)].split("|"))


def email(name: str, account_number: str) -> str:
    """An address of a domain reserved for examples."""
    plain = "".join(letter for letter in name.lower().replace(" ", ".") if letter.isalpha() or letter == ".")
    return f"{plain}.{account_number.lower()}@example.com"


def mobile(brand: str, number: int) -> str:
    """A mobile number that no operator hands out: 06 00 in the Netherlands, the drama range in the United Kingdom."""
    if brand == "vonk":
        return f"+316001{number:05d}"
    return f"+447700900{number:03d}" if number < 1000 else f"+4470099{number:05d}"


def iban(number: int) -> str:
    """A bank account with right check digits at a German bank of the simulated world, which settles every debit."""
    bban = f"3704004407{number:08d}"
    return f"DE{98 - int(f'{bban}131400') % 97:02d}{bban}"
