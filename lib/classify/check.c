#include "lib/classify/check.h"

#include <glib.h>
#include <string.h>

const struct ph_check ph_checks[] = {
    {"aba", "US routing number: 3-7-1, modulo 10, and its prefix",
     ph_check_aba},
    {"au-medicare", "Australian Medicare card: the ninth digit",
     ph_check_au_medicare},
    {"au-tfn", "Australian tax file number of 8 or 9 digits, modulo 11",
     ph_check_au_tfn},
    {"be",
     "Belgian national number: 97 less the rest, born before or after "
     "2000",
     ph_check_be},
    {"br-cnpj", "Brazilian CNPJ: two digits modulo 11", ph_check_br_cnpj},
    {"br-cpf", "Brazilian CPF: two digits modulo 11", ph_check_br_cpf},
    {"br-rg", "Brazilian RG as in Sao Paulo: one digit or X modulo 11",
     ph_check_br_rg},
    {"cl", "Chilean RUT: a digit or K modulo 11", ph_check_cl},
    {"cz", "Czech and Slovak birth number: divisible by 11", ph_check_cz},
    {"de-licence", "German driving licence: the tenth character, modulo 11",
     ph_check_de_licence},
    {"de-passport", "ICAO 9303, 7-3-1: the tenth character is the check digit",
     ph_check_de_passport},
    {"dea", "US Drug Enforcement Agency: the last digit", ph_check_dea},
    {"dk", "Danish CPR number: modulo 11", ph_check_dk},
    {"es", "Spanish social security: the rest of a division by 97",
     ph_check_es},
    {"fi", "Finnish identity code: its last character, modulo 31", ph_check_fi},
    {"fr", "French INSEE number: 97 less the rest; Corsica too", ph_check_fr},
    {"hk", "Hong Kong identity card: modulo 11", ph_check_hk},
    {"iban", "ISO 13616: modulo 97", ph_check_iban},
    {"ie", "Irish PPS number: a letter, modulo 23", ph_check_ie},
    {"iso-11-10", "ISO 7064 MOD 11,10 of digits", ph_check_iso_11_10},
    {"iso-11-2", "ISO 7064 MOD 11-2; the last may be X", ph_check_iso_11_2},
    {"kr", "Korean resident registration number", ph_check_kr},
    {"luhn", "Luhn: cards, Canada, Israel, South Africa", ph_check_luhn},
    {"luhn-10", "Luhn of the last ten digits: Sweden", ph_check_luhn_10},
    {"nl", "Dutch BSN of 8 or 9 digits: the test of eleven", ph_check_nl},
    {"no", "Norwegian identity number: two digits modulo 11", ph_check_no},
    {"nz", "New Zealand NHI: modulo 11, without I and O", ph_check_nz},
    {"pl-id", "Polish identity card: 7-3-1-9-7-3-1-7-3, modulo 10",
     ph_check_pl_id},
    {"pl-passport", "Polish passport: 7-3-9-1-7-3-1-7-3, modulo 10",
     ph_check_pl_passport},
    {"pl-pesel", "Polish PESEL: modulo 10", ph_check_pl_pesel},
    {"sg", "Singaporean NRIC and FIN: the last letter", ph_check_sg},
    {"tw", "Taiwanese identity number: the letter counts as two digits",
     ph_check_tw},
    {"uk-nhs", "British NHS number: modulo 11 of the last ten digits",
     ph_check_uk_nhs},
    {"verhoeff", "Verhoeff: Aadhaar", ph_check_verhoeff},
    {NULL, NULL, NULL},
};

const struct ph_check *
ph_check_find(const char *name)
{
	for (const struct ph_check *check = ph_checks; check->name != NULL;
	     check++)
		if (strcmp(check->name, name) == 0)
			return check;
	return NULL;
}

/* False: there are too many, or nothing but zeros. */
static bool
gather(const char *text, size_t size, struct ph_characters *c)
{
	bool some = false;

	c->n = 0;
	for (size_t i = 0; i < size; i++) {
		if (!g_ascii_isalnum(text[i]))
			continue;
		if (c->n == PH_CHARACTERS_MAX)
			return false;
		some |= text[i] != '0';
		c->text[c->n++] = g_ascii_toupper(text[i]);
	}
	c->text[c->n] = '\0';
	return some;
}

bool
ph_check_passes(const struct ph_check *check, const char *text, size_t size)
{
	struct ph_characters c;

	return gather(text, size, &c) && check->passes(&c);
}

int
ph_character_value(char c)
{
	return g_ascii_isdigit(c) ? c - '0' : c - 'A' + 10;
}

long long
ph_characters_number(const struct ph_characters *c, size_t from, size_t to)
{
	long long number = 0;

	g_assert(to <= c->n && to - from <= 18);
	for (size_t i = from; i < to; i++)
		number = number * 10 + ph_character_value(c->text[i]) % 10;
	return number;
}

int
ph_characters_add(const struct ph_characters *c, size_t from,
		  const int *weights, size_t n)
{
	int sum = 0;

	g_assert(from + n <= c->n);
	for (size_t i = 0; i < n; i++)
		sum += weights[i] * ph_character_value(c->text[from + i]);
	return sum;
}

bool
ph_characters_sum(const struct ph_characters *c, const int *weights, size_t n,
		  int modulus, int remainder)
{
	if (c->n < n)
		return false;
	return (ph_characters_add(c, 0, weights, n) - remainder) % modulus == 0;
}
