#ifndef PH_CLASSIFY_CHECK_H
#define PH_CLASSIFY_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Checksums of numbers, as rows: a package names one beside a pattern (the
 * attribute "check"). Pure functions; sources are facts/exchange-rules.md
 * sections 13.2 and 13.3.
 */

/* What is left of a number without blanks, dots and dashes: ASCII letters, made
 * capitals, and digits. */
#define PH_CHARACTERS_MAX ((size_t)64)
struct ph_characters {
	char text[PH_CHARACTERS_MAX + 1];
	size_t n;
};

struct ph_check {
	const char *name; /* NULL ends the table */
	const char *help; /* one line */
	bool (*passes)(const struct ph_characters *c);
};

/* In alphabetical order. */
extern const struct ph_check ph_checks[];

/* NULL: there is none. */
const struct ph_check *ph_check_find(const char *name);

/* A number of zeros alone, or of more than PH_CHARACTERS_MAX characters, never
 * passes. */
bool ph_check_passes(const struct ph_check *check, const char *text,
		     size_t size);

/* ---- for the rows ---- */

/* A digit's, or a letter's with A as 10. */
int ph_character_value(char c);
/* The digits [from, to) as a number; to - from is at most 18. */
long long ph_characters_number(const struct ph_characters *c, size_t from,
			       size_t to);
/* Is the sum of the first n values times weights, modulo modulus, this
 * remainder? No: there are fewer than n. Weights may be negative. */
bool ph_characters_sum(const struct ph_characters *c, const int *weights,
		       size_t n, int modulus, int remainder);
/* The sum itself; there must be n. */
int ph_characters_add(const struct ph_characters *c, size_t from,
		      const int *weights, size_t n);

typedef bool ph_check_function(const struct ph_characters *c);

/* check_sum.c: weights and a modulus */
ph_check_function ph_check_aba, ph_check_au_medicare, ph_check_au_tfn,
    ph_check_br_cnpj, ph_check_br_cpf, ph_check_br_rg, ph_check_de_licence,
    ph_check_de_passport, ph_check_dea, ph_check_dk, ph_check_kr, ph_check_nl,
    ph_check_no, ph_check_pl_id, ph_check_pl_passport, ph_check_pl_pesel,
    ph_check_uk_nhs;

/* check_other.c */
ph_check_function ph_check_be, ph_check_cz, ph_check_es, ph_check_fr,
    ph_check_iban, ph_check_iso_11_10, ph_check_iso_11_2, ph_check_luhn,
    ph_check_luhn_10, ph_check_verhoeff;

/* check_letter.c: the check character is, or depends on, a letter */
ph_check_function ph_check_cl, ph_check_fi, ph_check_hk, ph_check_ie,
    ph_check_nz, ph_check_sg, ph_check_tw;

#endif
