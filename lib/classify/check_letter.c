#include "lib/classify/check.h"

#include <glib.h>
#include <string.h>

/* Letters that check, or are checked. */

/* 10 is K, 11 is 0. */
bool
ph_check_cl(const struct ph_characters *c)
{
	int sum = 0, digit;

	if (c->n < 2)
		return false;
	for (size_t i = 0; i + 1 < c->n; i++)
		sum += (int)(2 + i % 6) *
		       ph_character_value(c->text[c->n - 2 - i]);
	digit = (11 - sum % 11) % 11;
	return c->text[c->n - 1] == (digit == 10 ? 'K' : '0' + digit);
}

/* A letter that marks the century may stand behind the date. */
bool
ph_check_fi(const struct ph_characters *c)
{
	long long number;

	if (c->n < 10)
		return false;
	number = ph_characters_number(c, 0, 6) * 1000 +
		 ph_characters_number(c, c->n - 4, c->n - 1);
	return c->text[c->n - 1] ==
	       "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31];
}

/* One letter has a blank before it, which counts as 36. */
bool
ph_check_hk(const struct ph_characters *c)
{
	static const int weights[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

	if (c->n == 8)
		return (36 * 9 + ph_characters_add(c, 0, weights + 1, 8)) %
			   11 ==
		       0;
	return c->n == 9 && ph_characters_add(c, 0, weights, 9) % 11 == 0;
}

/* A second letter counts nine times, from A as 1; W, of married women in old
 * numbers, not at all. */
bool
ph_check_ie(const struct ph_characters *c)
{
	static const int weights[] = {8, 7, 6, 5, 4, 3, 2};
	int sum;

	if (c->n != 8 && c->n != 9)
		return false;
	sum = ph_characters_add(c, 0, weights, 7);
	if (c->n == 9 && c->text[8] != 'W')
		sum += 9 * (c->text[8] - 'A' + 1);
	return c->text[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum % 23];
}

bool
ph_check_nz(const struct ph_characters *c)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
	int sum = 0;

	if (c->n != 7)
		return false;
	for (size_t i = 0; i < 6; i++) {
		const char *letter = strchr(letters, c->text[i]);

		if (i < 3 && letter == NULL)
			return false;
		sum += (int)(7 - i) * (i < 3 ? (int)(letter - letters) + 1
					     : ph_character_value(c->text[i]));
	}
	return sum % 11 != 0 &&
	       (11 - sum % 11) % 10 == ph_character_value(c->text[6]);
}

/* T and G: born, or arrived, in this century. */
bool
ph_check_sg(const struct ph_characters *c)
{
	static const int weights[] = {2, 7, 6, 5, 4, 3, 2};
	int sum;

	if (c->n != 9)
		return false;
	sum = ph_characters_add(c, 1, weights, 7);
	if (c->text[0] == 'T' || c->text[0] == 'G')
		sum += 4;
	return c->text[8] == (c->text[0] == 'S' || c->text[0] == 'T'
				  ? "JZIHGFEDCBA"
				  : "XWUTRQPNMLK")[sum % 11];
}

bool
ph_check_tw(const struct ph_characters *c)
{
	/* From A as 10. */
	static const char order[] = "ABCDEFGHJKLMNPQRSTUVXYWZIO";
	static const int weights[] = {8, 7, 6, 5, 4, 3, 2, 1, 1};
	const char *letter;
	int value;

	if (c->n != 10 || !g_ascii_isalpha(c->text[0]))
		return false;
	letter = strchr(order, c->text[0]);
	value = 10 + (int)(letter - order);
	return (value / 10 + value % 10 * 9 +
		ph_characters_add(c, 1, weights, 9)) %
		   10 ==
	       0;
}
