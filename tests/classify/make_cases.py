#!/usr/bin/python3
"""Writes the cases of the built-in sensitive information types.

    make_cases.py [--check]

With --check nothing is written: the status is 1 when a file would change.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from checks import CHECKS, complete

HERE = Path(__file__).resolve().parent
DATE = "01/02/1980"


def confidence(levels: tuple[int, ...]) -> int:
    """Of Patterns that hold: 1 - (1 - a)(1 - b)..., rounded down."""
    doubt = 1
    for level in levels:
        doubt *= 100 - level
    return (100 ** len(levels) - doubt) * 100 // 100 ** len(levels)


def found(levels: tuple[int, ...], count: int = 1) -> str:
    """How the cases say it."""
    return f"{count} {confidence(levels)}" if levels else "none"


@dataclass
class Type:
    """A type: a number, what makes it sure, and what it is not."""

    name: str
    number: str
    evidence: str  # "" where the type asks for none
    sure: tuple[int, ...]  # Patterns that hold with the evidence
    alone: tuple[int, ...] = ()  # and without
    check: str = ""  # of CHECKS: the number passes
    wrong: str = ""  # a number that does not
    unlike: list[str] = field(default_factory=list)  # none at all
    more: list[tuple[str, str, str]] = field(default_factory=list)  # case, text, found
    several: bool = False  # the evidence is more than one thing


def more(case: str, text: str, levels: tuple[int, ...], count: int = 1) -> tuple[str, str, str]:
    """A case of its own."""
    return (case, text, found(levels, count))


TYPES = [
    Type("ABA Routing Number", "021000021", "ABA routing number", (75,), check="aba",
         wrong="021000022", unlike=["ABA routing number 0210000210", "ABA routing number 40000003"],
         more=[more("with evidence, and formatted", "RTN: 0210-0002-1", (75,)),
               more("wrong checksum: a prefix that no bank has",
                    "RTN 130000000", ())]),
    Type("Argentina National Identity (DNI) Number", "12.345.678", "DNI", (75,),
         unlike=["DNI 12.345.67", "DNI 12345678", "DNI 12.345.678.901"]),
    Type("Australia Bank Account Number", "12345678", "bank details", (75,),
         unlike=["bank details 12345", "bank details 12345678901"],
         more=[more("with evidence and a branch", "bank details: 012-345 12345678", (85, 75))]),
    Type("Australia Driver's License Number", "12345678", "Drivers Licence", (75,),
         unlike=["Drivers Licence 123", "Drivers Licence ABCDEFGHIJ"],
         more=[more("with evidence, letters in it", "Driver's Licence# ab12cd345", (75,)),
               more("look-alike: an American one",
                    "Drivers Licence, that is Driver License 12345678", ())]),
    Type("Australia Medical Account Number", "2951234571", "medicare", (95,), (85,),
         check="au-medicare", wrong="2951234581",
         unlike=["medicare 1951234571", "medicare 295123457"],
         more=[more("alone, as on the card", "2951 23457 1", (85,)),
               more("alone, with the person's number", "29512345712", (85,))]),
    Type("Australia Passport Number", "N1234567", "passport details", (75,),
         unlike=["passport details N123456", "passport details NN1234567"]),
    Type("Australia Tax File Number", "123 456 782", "tax file number", (95,), (85,),
         check="au-tfn", wrong="123 456 783",
         unlike=["tax file number 1234567820", "tax file number 123.456.782"],
         more=[more("look-alike: a placeholder near it", "999999999 123 456 782", ())]),
    Type("Belgium National Number", "85.07.30-033.28", "Identiteitskaart", (75,), check="be",
         wrong="85.07.30-033.29",
         unlike=["Identiteitskaart 85.07.30-033-28", "Identiteitskaart 85.13.30-033.28"],
         more=[more("with evidence, born in 2017",
                    f"ID {complete('be', '17.07.30-033.8?')}", (75,))]),
    Type("Brazil Legal Entity Number (CNPJ)", "16.727.230/0001-97", "CNPJ", (85, 75), (75,),
         check="br-cnpj", wrong="16.727.230/0001-98",
         unlike=["CNPJ 16.727.230/0001", "CNPJ 16727230000197", "CNPJ 11.111.111/1111-11"]),
    Type("Brazil CPF Number", "390.533.447-05", "Receita", (85, 75), (75,), check="br-cpf",
         wrong="390.533.447-06", unlike=["CPF 390.533.447", "CPF 111.111.111-11"],
         more=[more("alone, unformatted", "39053344705", (75,))]),
    Type("Brazil National ID Card (RG)", complete("br-rg", "24.678.131-?"), "Registro Geral",
         (85, 75), (75,), check="br-rg", wrong="24.678.131-4", unlike=["RG 24.678.131"],
         more=[more("alone, the new form, which has no known checksum", "1234567890-1", (75,))]),
    Type("Canada Bank Account Number", "1234567", "direct deposit", (75,),
         unlike=["direct deposit 12345678"],
         more=[more("with evidence and a branch", "direct deposit 12345-678 1234567", (85, 75)),
               more("with evidence, twelve digits", "institution number 123456789012", (75,))]),
    Type("Canada Driver's License Number", "A1234-56789-01234", "Ontario driver's license", (75,), several=True,
         unlike=["driver's license A1234-56789-01234", "Ontario A1234-56789-01234",
                 "Ontario driver's license A1234-56789"],
         more=[more("with evidence, Alberta", "Alberta, DL 123456-789", (75,)),
               more("with evidence, British Columbia", "BC driver licence 1234567", (75,)),
               more("with evidence, Manitoba", "Manitoba drivers licence AB-CD-EF-G123HI", (75,)),
               more("with evidence, New Brunswick", "New Brunswick, drivers licence 123456", (75,)),
               more("with evidence, Newfoundland",
                    "Newfoundland and Labrador driver lic A123456789", (75,)),
               more("with evidence, Nova Scotia", "Nova Scotia driverlic ABCDE123456789", (75,)),
               more("with evidence, Prince Edward Island",
                    "Prince Edward Island driver's licence 12345", (75,)),
               more("with evidence, Quebec", "Qu\u00e9bec: CDL A1234-567890-12", (75,)),
               more("with evidence, Saskatchewan", "Saskatchewan DLS 12345678", (75,))]),
    Type("Canada Health Service Number", "9876543210", "personal health number", (75,),
         unlike=["personal health number 987654321", "personal health number 98765432101"]),
    Type("Canada Passport Number", "AB123456", "canadian passport", (75,),
         unlike=["canadian passport ab123456", "canadian passport AB1234567"]),
    Type("Canada Personal Health Identification Number (PHIN)", "123456789",
         "registration number, Manitoba", (75,), several=True,
         unlike=["registration number 123456789", "Manitoba 123456789",
                 "registration number, Manitoba 12345678"]),
    Type("Canada Social Insurance Number", "046 454 286", "social insurance, Date of Birth", (85,), several=True,
         check="luhn", wrong="046 454 287",
         unlike=["social insurance 046 454 286", "sin 046.454.286"],
         more=[more("with evidence, unformatted", "SIN 046454286", (75,)),
               more("with evidence, a date", f"SIN 046-454-286 born {DATE}", (85,))]),
    Type("Chile Identity Card Number", "76.086.428-5", "RUT", (85, 75), (75,), check="cl",
         wrong="76.086.428-6", unlike=["RUT 76.086.428", "RUT 76086428-5"],
         more=[more("alone, K", complete("cl", "12.34?.678-K"), (75,))]),
    Type("China Resident Identity Card (PRC) Number", "11010519491231002X",
         "\u5c45\u6c11\u8eab\u4efd\u8bc1", (85, 75), (75,), check="iso-11-2",
         wrong="110105194912310021",
         unlike=["PRC 11010519491331002X", "PRC 1101051949123100"]),
    Type("Credit Card Number", "4111 1111 1111 1111", "Visa", (85, 65), (65,), check="luhn",
         wrong="4111 1111 1111 1112",
         unlike=["Visa 9111 1111 1111 1111", "Visa 4111 1111 1111", "Visa 0000 0000 0000 0000",
                 "Visa x4111111111111111"],
         more=[more("alone, " + brand, number, (65,)) for brand, number in (
             ("American Express", "3782 822463 10005"), ("MasterCard", "5555-5555-5555-4444"),
             ("MasterCard, new range", "2223003122003222"), ("Discover", "6011111111111117"),
             ("JCB", "3530111333300000"), ("Diners", "3056 930902 5904"),
             ("Visa of 13 digits", "4222222222222"))] + [
                 more("with evidence, an expiry date", "4111111111111111 12/27", (85, 65)),
                 more("with evidence, one of two numbers",
                      "4111111111111111 cvv2 \\fill{400} 5555555555554444", (85, 65), 2),
                 more("alone, behind another number", "12 4111 1111 1111 1111", (65,))]),
    Type("Croatia Identity Card Number", "123456789", "Osobna iskaznica", (75,),
         unlike=["Osobna iskaznica 12345678", "Osobna iskaznica 123456789.50"]),
    Type("Croatia Personal Identification (OIB) Number", "33392005961", "OIB", (85, 75), (75,),
         check="iso-11-10", wrong="33392005962", unlike=["OIB 3339200596", "OIB 333920059610"]),
    Type("Czech National Identity Card Number", "710319/2745", "Ob\u010dansk\u00fd pr\u016fkaz",
         (85,), check="cz", wrong="710319/2746",
         unlike=["Czech national identity card 7103192745",
                 "Czech national identity card 711519/2740"]),
    Type("Denmark Personal Identification Number", "211062-5629", "CPR", (75,), check="dk",
         wrong="211062-5620", unlike=["CPR 2110625629", "CPR 321062-5629"]),
    Type("Drug Enforcement Agency (DEA) Number", "AB1234563", "", (85,), (85,), check="dea",
         wrong="AB1234564", unlike=["VB1234563", "AB123456", "AB12345630"],
         more=[more("alone, small letters", "fa1234563", (85,))]),
    Type("EU Debit Card Number", "6759649826438453", "card number", (85,), check="luhn",
         wrong="6759649826438454", unlike=["card number 675964982643845", "cc# 0000000000000000"],
         more=[more("with evidence, a date", "6759 6498 2643 8453 2027-12-01", (85,)),
               more("with evidence, in Italian", "codice di sicurezza 6759649826438453", (85,))]),
    Type("Finland National ID", "131052-308T", "Henkil\u00f6tunnus", (85,), check="fi",
         wrong="131052-308U", unlike=["HETU 131052.308T", "HETU 321052-308T"],
         more=[more("with evidence, this century",
                    f"Personnummer {complete('fi', '131012A308?')}", (85,))]),
    Type("Finland Passport Number", "AB1234567", "Passi", (75,),
         unlike=["Passi AB123456", "Passi A1234567"]),
    Type("France Driver's License Number", "871227301234", "permis de conduire", (75,),
         unlike=["permis de conduire 87122730123", "permis de conduire 003361234567"],
         more=[more("with evidence, a date", "871227301234 25/12/1987", (75,))]),
    Type("France National ID Card (CNI)", "880692310285", "", (65,), (65,),
         unlike=["8806923102850", "88069231028", "880692310285.50"]),
    Type("France Passport Number", "11AV56868", "Num\u00e9ro de passeport", (75,),
         unlike=["Passport Number 11A156868", "Passport Number 11AV5686"]),
    Type("France Social Security Number (INSEE)", "2951099126111 93", "securit\u00e9 sociale",
         (95,), (85,), check="fr", wrong="2951099126111 94",
         unlike=["insee 9951099126111 93", "insee 2951099126111"],
         more=[more("alone, in one", "295109912611193", (85,)),
               more("alone, of Corsica", "295102A126111" + str(
                   97 - int("2951019126111") % 97), (85,))]),
    Type("German Driver's License Number", "B072RRE2I55", "F\u00fchrerschein", (75,),
         check="de-licence", wrong="B072RRE2I65",
         unlike=["F\u00fchrerschein B072RRE2I5", "F\u00fchrerschein B072RRE2I555"],
         more=[more("with evidence, written another way", "FUEHRERSCHEIN B072RRE2I55", (75,))]),
    Type("German Identity Card Number", "T22000129", "Personalausweis", (65,),
         unlike=["Personalausweis T2200012", "Personalausweis TT2000129"],
         more=[more("with evidence, before 2010", "Ausweis 1220001297", (65,))]),
    Type("German Passport Number", "C01X00T478", "Reisepass", (85,), check="de-passport",
         wrong="C01X00T479", unlike=["Reisepass C01X00T4", "Reisepass A01X00T478"],
         more=[more("with evidence, machine readable",
                    "Reisepass\\nC01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4", (75,))]),
    Type("Greece National ID Card", "\u0391\u0392-123456", "\u03a4\u03b1\u03c5\u03c4\u03cc\u03c4\u03b7\u03c4\u03b1",
         (85,), unlike=["Tautotita AB123456", "Tautotita CD-123456"],
         more=[more("with evidence, old", "\u03a4\u03b1\u03c5\u03c4\u03cc\u03c4\u03b7\u03c4\u03b1 \u03a3-123456", (85,)),
               more("with evidence, in Latin letters", "Tautotita AB-123456", (85,))]),
    Type("Hong Kong Identity Card (HKID) Number", "A123456(3)", "HKID", (75, 65), (65,),
         check="hk", wrong="A123456(4)", unlike=["HKID A12345(3)", "HKID 123456(3)"],
         more=[more("alone, two letters", complete("hk", "AB987654(?)"), (65,)),
               more("alone, without parentheses", "A1234563", (65,))]),
    Type("India Permanent Account Number", "ABCPE1234F", "Permanent Account Number", (85,),
         unlike=["PAN ABCDE1234F", "PAN ABCPE12345"]),
    Type("India Unique Identification (Aadhaar) Number", "2341 2341 2346", "Aadhaar", (85, 75),
         (75,), check="verhoeff", wrong="2341 2341 2347",
         unlike=["Aadhaar 0341 2341 2346", "Aadhaar 2341 2341 234"],
         more=[more("with evidence, in Hindi", "\u0906\u0927\u093e\u0930 234123412346", (85, 75))]),
    Type("Indonesia Identity Card (KTP) Number", "3171011708450001", "KTP", (85, 75), (75,),
         unlike=["KTP 3171013208450001", "KTP 317101170845000"],
         more=[more("alone, with periods", "31.7101.170845.0001", (75,))]),
    Type("International Banking Account Number (IBAN)", "DE89 3704 0044 0532 0130 00", "", (85,),
         (85,), check="iban", wrong="DE88 3704 0044 0532 0130 00",
         unlike=["BR1800360305000010009795493C1", "DE89 3704 0044 0532 0130",
                 "XDE89370400440532013000"],
         more=[more("alone, a word behind it", "BE68 5390 0754 7034 then", (85,)),
               more("alone, letters in it", "GB82WEST12345698765432", (85,)),
               more("alone, the shortest and the longest",
                    "NO9386011117947 MT84MALT011000012345MTLCAST001S", (85,), 2)]),
    Type("IP Address", "192.0.2.17", "IP address", (95,), (85,),
         unlike=["IP address 192.0.2.256", "IP address 1.2.3.4.5", "IP address 12:30:45",
                 "std::cout"],
         more=[more("alone, IPv6", "2001:db8::1", (85,)),
               more("with evidence, IPv6 in full",
                    "internet protocol 2001:db8:0:0:0:0:0:1", (95,))]),
    Type("Ireland Personal Public Service (PPS) Number", "6433435F", "PPS No.", (85, 65), (65,),
         check="ie", wrong="6433435E", unlike=["PPSN 643343F", "PPSN 6433435"],
         more=[more("alone, new", "6433435OA", (65,)),
               more("with evidence, a date", f"6433435F {DATE}", (85, 65))]),
    Type("Israel Bank Account Number", "12-345-12345678", "Bank Account", (75,),
         unlike=["Bank Account 12-345-1234567"],
         more=[more("with evidence, in Hebrew",
                    "\u05de\u05e1\u05e4\u05e8 \u05d7\u05e9\u05d1\u05d5\u05df \u05d1\u05e0\u05e7 1234512345678",
                    (75,))]),
    Type("Israel National ID", "123456782", "National ID Number", (75,), check="luhn",
         wrong="123456783", unlike=["National ID Number 12345678"],
         more=[more("with evidence, in Hebrew",
                    "\u05de\u05e1\u05e4\u05e8 \u05d6\u05d4\u05d5\u05ea: 123456782", (75,))]),
    Type("Italy Driver's License Number", "RA1234567X", "patente di guida", (75,),
         unlike=["patente di guida RB1234567X", "patente di guida RA123456X",
                 "patente di guida CAPITANATA"]),
    Type("Japan Bank Account Number", "1234567", "Bank Account", (75,),
         unlike=["Bank Account 123456", "Bank Account 123456789"],
         more=[more("with evidence and a branch", "Bank Account 1234567, Otemachi", (85, 75)),
               more("with evidence and a branch's code", "Bank Account 0001-234 1234567",
                    (85, 75)),
               more("with evidence, in Japanese",
                    "\u3053\u306e\u9280\u884c\u53e3\u5ea7\u756a\u53f7\u306f1234567\u3067\u3059", (75,))]),
    Type("Japan Driver's License Number", "301234567890", "\u904b\u8ee2\u514d\u8a31\u8a3c", (75,),
         unlike=["driver license 30123456789", "driver license 3012345678901"]),
    Type("Japan Passport Number", "TK1234567", "\u30d1\u30b9\u30dd\u30fc\u30c8\u756a\u53f7", (75,),
         unlike=["\u30d1\u30b9\u30dd\u30fc\u30c8 TK123456", "\u30d1\u30b9\u30dd\u30fc\u30c8 T1234567"]),
    Type("Japan Resident Registration Number", "12345678901", "Resident Registration Number",
         (75,), unlike=["Resident Registration Number 1234567890"]),
    Type("Japan Social Insurance Number (SIN)", "1234-567890", "Social Insurance Number", (85,),
         unlike=["Social Insurance Number 123456"],
         more=[more("with evidence, before 1997", "Social Insurance No. 12345678", (75,)),
               more("with evidence, both forms", "Social Insurance No. 1234567890", (85, 75))]),
    Type("Malaysia ID Card Number", "880101-14-5566", "MyKad", (85,),
         unlike=["MyKad 881301-14-5566", "MyKad 880101-14-556"],
         more=[more("with evidence, in one", "Kad Akuan Diri 880101145566", (85,))]),
    Type("Netherlands Citizen's Service (BSN) Number", "111222333", f"BSN, {DATE}", (85, 65),
         (65,), several=True, check="nl", wrong="111222334", unlike=["BSN 11122233301", "BSN 000000000"],
         more=[more("alone, a word but no date", "Burgerservicenummer 111222333", (65,))]),
    Type("New Zealand Ministry of Health Number", "ZZZ0016", "NHI", (85,), check="nz",
         wrong="ZZZ0017", unlike=["NHI ZZI0016", "NHI ZZZ001"],
         more=[more("with evidence, a blank in it", "treatment JBX 3656", (85,))]),
    Type("Norway Identification Number", "15108695088", "F\u00f8dselsnummer", (85, 75), (75,),
         check="no", wrong="15108695089", unlike=["ID Number 15138695088", "ID Number 1510869508"]),
    Type("Philippines Unified Multi-Purpose ID Number", "0111-1234567-8", "UMID", (75,),
         unlike=["UMID 0111-123456-8", "UMID 011112345678"]),
    Type("Poland Identity Card", "ABA300000", "Dow\u00f3d To\u017csamo\u015bci", (85,),
         check="pl-id", wrong="ABA300001", unlike=["dow. os. ABA30000", "dow. os. ABAA300000"]),
    Type("Poland National ID (PESEL)", "44051401359", "PESEL", (85,), check="pl-pesel",
         wrong="44051401358", unlike=["PESEL 4405140135", "PESEL 44133201359"]),
    Type("Poland Passport", "ZS0000177", "Dow\u00f3d To\u017csamo\u015bci", (85,),
         check="pl-passport", wrong="ZS0000178", unlike=["dow. os. ZS000017"]),
    Type("Portugal Citizen Card Number", "12345678", "Cart\u00e3o de Cidad\u00e3o", (85,),
         unlike=["Citizen Card 1234567", "Citizen Card 123456789", "Citizen Card 12345678,50"]),
    Type("Saudi Arabia National ID", "1234567890", "ID number", (75,),
         unlike=["ID number 123456789", "ID number 3234567890"],
         more=[more("with evidence, in Arabic",
                    "\u0631\u0642\u0645 \u0628\u0637\u0627\u0642\u0629 \u0627\u0644\u0647\u0648\u064a\u0629 "
                    "\u0627\u0644\u0648\u0637\u0646\u064a\u0629 1234567890", (75,))]),
    Type("Singapore National Registration Identity Card (NRIC) Number", "S1234567D", "NRIC",
         (85, 75), (75,), check="sg", wrong="S1234567E",
         unlike=["NRIC A1234567D", "NRIC S123456D"],
         more=[more("alone, a foreigner's", complete("sg", "G1234567?"), (75,))]),
    Type("South Africa Identification Number", "8001015009087", "Identity card", (85,),
         check="luhn", wrong="8001015009088",
         unlike=["Identity card 8013015009087", "Identity card 800101500908"]),
    Type("South Korea Resident Registration Number", "971013-9019902",
         "\uc8fc\ubbfc\ub4f1\ub85d\ubc88\ud638", (85, 75), (75,), check="kr", wrong="971013-9019903",
         unlike=["RRN 9710139019902", "RRN 971313-9019902"],
         more=[more("with evidence, a particle behind it",
                    "\uc8fc\ubbfc\ub4f1\ub85d\ubc88\ud638\ub294 971013-9019902", (85, 75))]),
    Type("Spain Social Security Number (SSN)", "281234567840", "", (85,), (85,), check="es",
         wrong="281234567841", unlike=["28123456784", "2812345678400"],
         more=[more("alone, with slashes", "28/12345678/40", (85,)),
               more("alone, seven digits", "28/1234567/" + f"{281234567 % 97:02}", (85,))]),
    Type("Sweden National ID", "811228-9874", "", (85,), (85,), check="luhn-10",
         wrong="811228-9875", unlike=["811328-9874", "811228-987"],
         more=[more("alone, with the century", "198112289874", (85,))]),
    Type("Sweden Passport Number", "12345678", "Schengen visa", (75,),
         unlike=["Schengen visa 1234567", "Schengen visa 123456789"]),
    Type("SWIFT Code", "DEUTDEFF500", "swift code", (75,),
         unlike=["swift code DEUTDEF", "swift code 1234DEFF", "the bic code says"],
         more=[more("with evidence, short", "BIC: DEUTDEFF (bic code)", (75,)),
               more("with evidence, in Japanese", "SWIFT\u30b3\u30fc\u30c9\u306fDEUTDEFF\u3067\u3059",
                    (75,))]),
    Type("Taiwan National ID", "A123456789", "\u570b\u6c11\u8eab\u5206\u8b49", (85,), check="tw",
         wrong="A123456788",
         unlike=["\u8eab\u5206\u8b49 A323456789", "\u8eab\u5206\u8b49 A12345678"]),
    Type("Taiwan Passport Number", "312345678", "\u4e2d\u83ef\u6c11\u570b\u8b77\u7167",
         (75,), unlike=["ROC passport number 31234567"]),
    Type("Taiwan Resident Certificate (ARC/TARC) Number", "AC01234567", "Resident Certificate",
         (75,), unlike=["ARC AC0123456", "ARC A001234567"]),
    Type("U.K. Driver's License Number", "MORGA657054SM9IJ", "driving licence", (75,),
         unlike=["driving licence MORGA613054SM9IJ", "driving licence MORGA657054SM9"],
         more=[more("with evidence, with the issue", "DVLA MORGA657054SM9IJ 35", (75,)),
               more("with evidence, a short name", "DVLA FOX99602044AB912", (75,)),
               more("with evidence, the day first", "DVLA MORGA603057SM12345", (75,))]),
    Type("U.K. Electoral Roll Number", "AB1234", "electoral roll", (75,),
         unlike=["electoral roll AB12345", "electoral roll ABC123"]),
    Type("U.K. National Health Service Number", "943 476 5919", "NHS", (85,), check="uk-nhs",
         wrong="943 476 5918", unlike=["NHS 943-476-5919", "NHS 943 476 591"],
         more=[more("with evidence, of birth", "943 476 5919, Date of Birth", (85,))]),
    Type("U.K. National Insurance Number (NINO)", "AB 12 34 56 C", "national insurance number",
         (85,), (75,), unlike=["QQ 12 34 56 C", "BG 12 34 56 C", "AB 12 34 56 E", "AB 12 34 5 C"],
         more=[more("alone, in one", "AB123456C", (75,)),
               more("alone, the letter not known yet", "AB123456 ", (75,))]),
    Type("U.S. / U.K. Passport Number", "123456789", "Passport Number", (75,),
         unlike=["Passport Number 12345678", "Passport Number 1234567890",
                 "Passport Number 123,456,789"]),
    Type("U.S. Bank Account Number", "12345678", "Checking Account", (75,),
         unlike=["Checking Account 123", "Checking Account 123456789012345678",
                 "Checking Account 1234.56"]),
    Type("U.S. Driver's License Number", "123 456 789", "New York driver's license", (75,), several=True,
         unlike=["driver's license 123 456 789", "New York 123 456 789",
                 "New York driver's license 123456789"],
         more=[more("with evidence, abbreviated", "NY DL 123 456 789", (65,))]),
    Type("U.S. Individual Taxpayer Identification Number (ITIN)", "912-78-1234", "ITIN", (85,),
         unlike=["ITIN 812-78-1234", "ITIN 912-68-1234", "ITIN 912781234"],
         more=[more("with evidence, unformatted", "ITIN 912781234, DOB", (75,)),
               more("with evidence, an address",
                    "912 78 1234, 1 Main Street, Springfield, IL 62701", (85,))]),
    Type("U.S. Social Security Number (SSN)", "123-45-6789", "SSN", (85,),
         unlike=["SSN 000-12-3456", "SSN 666-12-3456", "SSN 123-00-6789", "SSN 123-45-0000",
                 "SSN 900-12-3456", "SSN 123-45-67890", "SSN 123456789", "SSN 123-45 6789"],
         more=[more("with evidence, issued since 2011", "SSN 773-45-6789", (65,)),
               more("with evidence, unformatted", f"SSN 123456789, {DATE}", (75,)),
               more("with evidence, unformatted, issued since 2011",
                    f"SSN 773456789, {DATE}", (55,)),
               more("with evidence, an address", "123 45 6789, Springfield, IL 62701", (85,)),
               more("with evidence, two of them", "SSN 123-45-6789 and 234-56-7890", (85,), 2)]),
]


def write(t: Type) -> str:
    """The file."""
    out = [f"type: {t.name}"]

    def case(name: str, text: str, what: str) -> None:
        out.extend(["", f"case: {name}", f"text: {text}", f"found: {what}"])

    if t.check:
        assert CHECKS[t.check](t.number), t.name
        assert not CHECKS[t.check](t.wrong), t.name
    if t.evidence:
        case("with evidence", f"{t.evidence}: {t.number}", found(t.sure))
        case("with evidence behind it", f"{t.number} {t.evidence}", found(t.sure))
        case("with evidence in another line", f"{t.evidence}\\n\\n{t.number}", found(t.sure))
        if not t.several:
            case("with evidence 300 characters away", f"{t.evidence}\\wide{{300}}{t.number}",
                 found(t.sure))
        case("too far: 301 characters", f"{t.evidence}\\wide{{301}}{t.number}", found(t.alone))
        case("too far, and behind it", f"{t.number}\\fill{{301}}{t.evidence}", found(t.alone))
    case("alone", t.number, found(t.alone))
    if t.alone:
        case("alone, twice", f"{t.number}\\n{t.number}", found(t.alone, 2))
    if t.check:
        case("wrong checksum", f"{t.evidence} {t.wrong}".strip(), "none")
    for text in t.unlike:
        case("look-alike", text, "none")
    for name, text, what in t.more:
        case(name, text, what)
    return "\n".join(out) + "\n"


def main() -> int:
    """Writes, or compares."""
    status = 0
    for t in TYPES:
        path = HERE / ("".join(c for c in t.name if c.isascii() and c.isalnum()) + ".cases")
        text = write(t)
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text("utf-8") != text:
                print(f"{path.name} is not what make_cases.py writes")
                status = 1
        else:
            path.write_text(text, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
