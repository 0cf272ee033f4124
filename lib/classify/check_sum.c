#include "lib/classify/check.h"

#include <glib.h>
#include <string.h>

/* A sum of digits times weights. Where a check digit is the sum itself its
 * weight is -1, where it fills the sum up to the modulus 1, and so what is to
 * be left is 0. */

#define SUM(c, modulus, ...)                                                \
	ph_characters_sum(c, (const int[]){__VA_ARGS__},                    \
			  sizeof((const int[]){__VA_ARGS__}) / sizeof(int), \
			  modulus, 0)

/* Federal Reserve districts, thrifts, electronic and traveller's cheques. */
static bool
is_routing_prefix(int prefix)
{
	return prefix <= 12 || (prefix >= 21 && prefix <= 32) ||
	       (prefix >= 61 && prefix <= 72) || prefix == 80;
}

bool
ph_check_aba(const struct ph_characters *c)
{
	return c->n == 9 &&
	       is_routing_prefix((int)ph_characters_number(c, 0, 2)) &&
	       SUM(c, 10, 3, 7, 1, 3, 7, 1, 3, 7, 1);
}

bool
ph_check_au_medicare(const struct ph_characters *c)
{
	return SUM(c, 10, 1, 3, 7, 9, 1, 3, 7, 9, -1);
}

bool
ph_check_au_tfn(const struct ph_characters *c)
{
	if (c->n == 8)
		return SUM(c, 11, 10, 7, 8, 4, 6, 3, 5, 1);
	return c->n == 9 && SUM(c, 11, 1, 4, 3, 7, 5, 8, 6, 9, 10);
}

/* 11 less the rest; 10 and 11 are 0. weights end at the digit before. */
static bool
has_digit(const struct ph_characters *c, const int *weights, size_t n)
{
	int rest = ph_characters_add(c, 0, weights, n) % 11;

	return ph_character_value(c->text[n]) == (rest < 2 ? 0 : 11 - rest);
}

/* All the same is a placeholder which passes. */
static bool
is_repeated(const struct ph_characters *c)
{
	return strspn(c->text, (const char[]){c->text[0], '\0'}) == c->n;
}

bool
ph_check_br_cnpj(const struct ph_characters *c)
{
	static const int weights[] = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};

	return c->n == 14 && !is_repeated(c) && has_digit(c, weights + 1, 12) &&
	       has_digit(c, weights, 13);
}

bool
ph_check_br_cpf(const struct ph_characters *c)
{
	static const int weights[] = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2};

	return c->n == 11 && !is_repeated(c) && has_digit(c, weights + 1, 9) &&
	       has_digit(c, weights, 10);
}

bool
ph_check_br_rg(const struct ph_characters *c)
{
	static const int weights[] = {2, 3, 4, 5, 6, 7, 8, 9};
	int digit;

	if (c->n != 9)
		return false;
	digit = (11 - ph_characters_add(c, 0, weights, 8) % 11) % 11;
	return c->text[8] == (digit == 10 ? 'X' : '0' + digit);
}

/* The letter of its authority counts as in an IBAN. */
bool
ph_check_de_licence(const struct ph_characters *c)
{
	static const int weights[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
	int digit;

	if (c->n < 10)
		return false;
	digit = ph_characters_add(c, 0, weights, 9) % 11;
	return c->text[9] == (digit == 10 ? 'X' : '0' + digit);
}

bool
ph_check_de_passport(const struct ph_characters *c)
{
	return SUM(c, 10, 7, 3, 1, 7, 3, 1, 7, 3, 1, -1);
}

bool
ph_check_dea(const struct ph_characters *c)
{
	return c->n == 9 && SUM(c, 10, 0, 0, 1, 2, 1, 2, 1, 2, -1);
}

bool
ph_check_dk(const struct ph_characters *c)
{
	return c->n == 10 && SUM(c, 11, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1);
}

bool
ph_check_kr(const struct ph_characters *c)
{
	static const int weights[] = {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5};

	return c->n == 13 &&
	       (11 - ph_characters_add(c, 0, weights, 12) % 11) % 10 ==
		   ph_character_value(c->text[12]);
}

bool
ph_check_nl(const struct ph_characters *c)
{
	if (c->n == 8)
		return SUM(c, 11, 8, 7, 6, 5, 4, 3, 2, -1);
	return c->n == 9 && SUM(c, 11, 9, 8, 7, 6, 5, 4, 3, 2, -1);
}

bool
ph_check_no(const struct ph_characters *c)
{
	return c->n == 11 && SUM(c, 11, 3, 7, 6, 1, 8, 9, 4, 5, 2, 1) &&
	       SUM(c, 11, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1);
}

bool
ph_check_pl_id(const struct ph_characters *c)
{
	return c->n == 9 && SUM(c, 10, 7, 3, 1, 9, 7, 3, 1, 7, 3);
}

bool
ph_check_pl_passport(const struct ph_characters *c)
{
	return c->n == 9 && SUM(c, 10, 7, 3, 9, 1, 7, 3, 1, 7, 3);
}

bool
ph_check_pl_pesel(const struct ph_characters *c)
{
	return c->n == 11 && SUM(c, 10, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1);
}

bool
ph_check_uk_nhs(const struct ph_characters *c)
{
	static const int weights[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};

	return c->n >= 10 &&
	       ph_characters_add(c, c->n - 10, weights, 10) % 11 == 0;
}
