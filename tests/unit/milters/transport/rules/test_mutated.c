#include "tests/unit/milters/transport/rules/hostile.h"

/*
 * Rules that ask everything, on messages with bytes changed, cut, doubled and
 * put together, from a seed that is the same each time. The sanitizers say what
 * is wrong; here it counts that nobody is lost.
 */
#define SEED 20260101
#define ROUNDS 40 /* a seed message and a process each */

static const char *const seeds[] = {
    "From: Alice <alice@a.test>\nTo: team@a.test, \"B, ob\" <b@a.test>;\n"
    "Cc: =?utf-8?q?n=C3=A9?= <carol@a.test>\nSubject: one needle in the hay\n"
    "X-Big: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\nX-Priority: 1\n"
    "\nneedle one needle  in\tthe hay.\n",

    "From: <>\nSubject: =?utf-8?b?w6l0w6k=?= =?x?q?=?= =?utf-8?q?=C3?=\n"
    "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\n"
    "Content-Type: text/html; charset=utf-16\n"
    "Content-Transfer-Encoding: base64\n\nPGI+bmVlZGxlPC9iPg==\n--b\n"
    "Content-Type: application/x-msdownload; name*0*=utf-8''a%2e;\n"
    " name*1=exe\nContent-Disposition: attachment\n\nMZneedle\n--b--\n",

    "Sender: c@a.test\nFrom: a@a.test, b@a.test\nTo: undisclosed:;\n"
    "Content-Type: multipart/report; report-type=disposition-notification;\n"
    " boundary==_x\nX-PostHub-SCL: 9\nImportance: high\n\n--=_x\n\nhay\n"
    "--=_x\nContent-Type: message/rfc822\n\nSubject: needle\n"
    "Content-Type: multipart/encrypted; boundary=y\n\n--y\n\n--y--\n--=_x--\n",

    "Subject: \xff\xfe\x80 needle\nTo: \"\\\nCc: <@@@>, (((\n"
    "Content-Type: text/plain; charset=\"no such\"\n"
    "Content-Transfer-Encoding: quoted-printable\n\n=ZZ=\n=C3=A9 ne=\nedle=",
};

/* ---- chance ------------------------------------------------------------- */

static uint32_t
below(GRand *rand, size_t n)
{
	return n == 0 ? 0 : (uint32_t)g_rand_int(rand) % (uint32_t)n;
}

static void
change_byte(GRand *rand, GString *text)
{
	static const char dear[] = "\n\r\t :;,=?<>\"\\(-\xc3\xff";
	size_t at = below(rand, text->len);

	if (text->len > 0)
		text->str[at] = below(rand, 2) == 0
				    ? dear[below(rand, sizeof(dear))]
				    : (char)below(rand, 256);
}

static void
cut(GRand *rand, GString *text)
{
	size_t at = below(rand, text->len), size = below(rand, 40);

	g_string_erase(text, (gssize)at, (gssize)MIN(size, text->len - at));
}

/* A piece of this or of another message, once or many times. */
static void
insert(GRand *rand, GString *text)
{
	const char *from = seeds[below(rand, G_N_ELEMENTS(seeds))];
	size_t size = strlen(from), at = below(rand, size);
	size_t n = below(rand, MIN(80, size - at)), times = 1;
	g_autofree char *piece = g_strndup(from + at, n);

	if (below(rand, 8) == 0)
		times = (size_t)1 + below(rand, 200);
	while (times-- > 0 && text->len < (size_t)64 * 1024)
		g_string_insert(text, (gssize)below(rand, text->len), piece);
}

static void
mutate(GRand *rand, GString *text)
{
	for (uint32_t i = 1 + below(rand, 12); i > 0; i--)
		switch (below(rand, 4)) {
		case 0:
			cut(rand, text);
			break;
		case 1:
			insert(rand, text);
			break;
		default:
			change_byte(rand, text);
		}
}

/* ---- runs --------------------------------------------------------------- */

static void
run_one(struct ph_snapshot *snapshot, struct ph_directory *directory,
	const GString *text)
{
	static const char *const to[] = {"alice@a.test", "team@a.test",
					 "bob@elsewhere.test", "nobody@a.test",
					 NULL};
	const struct ph_rules_options options = {.now = 1, .loop_limit = 3};
	struct ph_mail *mail = hostile_mail(snapshot, directory, "a@a.test");
	struct ph_rules_result result;

	hostile_recipients(mail, to);
	hostile_read(mail, text->str, text->len);
	ck_assert_int_eq(ph_rules_run(ph_snapshot_derived(snapshot, 0), mail,
				      &options, &result, NULL),
			 0);
	hostile_check(mail, &result, 4);
	ph_rules_result_clear(&result);
	ph_mail_free(&mail);
}

static void
run_many(const char *seed, guint32 number)
{
	g_autoptr(GPtrArray) rules = hostile_objects();
	g_autoptr(GRand) rand = g_rand_new_with_seed(SEED + number);
	struct ph_directory *directory = hostile_directory();
	struct ph_snapshot *snapshot;

	hostile_add_rules(rules);
	snapshot = hostile_snapshot(rules);
	for (int i = 0; i < ROUNDS; i++) {
		g_autoptr(GString) text = g_string_new(seed);

		if (i > 0)
			mutate(rand, text);
		run_one(snapshot, directory, text);
	}
	ph_snapshot_unref(&snapshot);
	ph_directory_close(&directory);
}

START_TEST(test_plain)
{
	run_many(seeds[0], 0);
}
END_TEST

START_TEST(test_parts)
{
	run_many(seeds[1], 1);
}
END_TEST

START_TEST(test_report)
{
	run_many(seeds[2], 2);
}
END_TEST

START_TEST(test_broken)
{
	run_many(seeds[3], 3);
}
END_TEST

UNIT_MAIN("milters/transport/rules/mutated", test_plain, test_parts,
	  test_report, test_broken)
