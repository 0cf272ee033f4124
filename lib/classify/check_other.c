#include "lib/classify/check.h"

#include <glib.h>
#include <string.h>

/* Sums of digits of another kind, and rests of divisions. */

static bool
luhn(const char *digits, size_t n)
{
	int sum = 0;

	for (size_t i = 0; i < n; i++) {
		int digit = ph_character_value(digits[n - 1 - i]);

		if (i % 2 == 1)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

bool
ph_check_luhn(const struct ph_characters *c)
{
	return luhn(c->text, c->n);
}

bool
ph_check_luhn_10(const struct ph_characters *c)
{
	return c->n >= 10 && luhn(c->text + c->n - 10, 10);
}

/* The group of the symmetries of a pentagon, and the powers of one of its
 * permutations. */
bool
ph_check_verhoeff(const struct ph_characters *c)
{
	static const char product[10][11] = {
	    "0123456789", "1234067895", "2340178956", "3401289567",
	    "4012395678", "5987604321", "6598710432", "7659821043",
	    "8765932104", "9876543210"};
	static const char permuted[8][11] = {
	    "0123456789", "1576283094", "5803796142", "8916043527",
	    "9453126870", "4286573901", "2793806415", "7046913258"};
	int check = 0;

	for (size_t i = 0; i < c->n; i++) {
		int digit = ph_character_value(c->text[c->n - 1 - i]);

		if (digit > 9)
			return false;
		check = product[check][permuted[i % 8][digit] - '0'] - '0';
	}
	return check == 0;
}

/* Letters are two digits. */
static int
rest_97(const char *text, size_t n, int rest)
{
	for (size_t i = 0; i < n; i++) {
		int value = ph_character_value(text[i]);

		rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
	}
	return rest;
}

bool
ph_check_iban(const struct ph_characters *c)
{
	return c->n > 4 &&
	       rest_97(c->text, 4, rest_97(c->text + 4, c->n - 4, 0)) == 1;
}

bool
ph_check_iso_11_10(const struct ph_characters *c)
{
	int product = 10;

	for (size_t i = 0; i + 1 < c->n; i++) {
		int sum = (product + ph_character_value(c->text[i])) % 10;

		product = (sum == 0 ? 10 : sum) * 2 % 11;
	}
	return c->n > 1 &&
	       (product + ph_character_value(c->text[c->n - 1])) % 10 == 1;
}

bool
ph_check_iso_11_2(const struct ph_characters *c)
{
	int sum = 0;

	for (size_t i = 0; i + 1 < c->n; i++)
		sum = (sum + ph_character_value(c->text[i])) * 2 % 11;
	if (c->n < 2)
		return false;
	sum += c->text[c->n - 1] == 'X' ? 10
					: ph_character_value(c->text[c->n - 1]);
	return sum % 11 == 1;
}

/* Of who was born in 2000 or later a 2 stands before the number. */
bool
ph_check_be(const struct ph_characters *c)
{
	long long number, check;

	if (c->n != 11)
		return false;
	number = ph_characters_number(c, 0, 9);
	check = ph_characters_number(c, 9, 11);
	return 97 - number % 97 == check ||
	       97 - (2000000000 + number) % 97 == check;
}

/* Of some numbers before 1985 the rest of the first nine digits is 10, and the
 * last one is 0. */
bool
ph_check_cz(const struct ph_characters *c)
{
	if (c->n != 10)
		return false;
	return ph_characters_number(c, 0, 10) % 11 == 0 ||
	       (ph_characters_number(c, 0, 9) % 11 == 10 && c->text[9] == '0');
}

/* Province, number, check: a number of eight digits that begins with 0 is one
 * of seven. */
bool
ph_check_es(const struct ph_characters *c)
{
	long long province, number;

	if (c->n != 11 && c->n != 12)
		return false;
	province = ph_characters_number(c, 0, 2);
	number = ph_characters_number(c, 2, c->n - 2);
	number += province * (number < 10000000 ? 10000000 : 100000000);
	return number % 97 == ph_characters_number(c, c->n - 2, c->n);
}

/* Corsica's departments 2A and 2B count as 19 and 18. */
bool
ph_check_fr(const struct ph_characters *c)
{
	struct ph_characters own = *c;

	if (own.n != 15)
		return false;
	if (own.text[6] == 'A' || own.text[6] == 'B') {
		own.text[5] = '1';
		own.text[6] = own.text[6] == 'A' ? '9' : '8';
	}
	return 97 - ph_characters_number(&own, 0, 13) % 97 ==
	       ph_characters_number(&own, 13, 15);
}
