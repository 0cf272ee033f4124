#include "lib/inspect/wire.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct ph_walk_limits limits = {.depth = 16, .text = 100};

static struct ph_walked *
make(void)
{
	struct ph_walked *walked = ph_walked_new();
	struct ph_walked_property property = {g_strdup("Title"),
					      g_strdup("A \xc3\xa9")};

	walked->path = g_strdup("a.zip/b.txt");
	walked->name = g_strdup("b.txt");
	walked->declared = g_strdup("");
	walked->type = g_strdup("text/plain");
	walked->note = g_strdup("why");
	walked->text = g_strdup("text");
	walked->text_size = 4;
	walked->size = 123456789012;
	walked->depth = 1;
	walked->flags = PH_WALKED_LIMIT | PH_WALKED_CUT;
	memset(walked->sha256, 7, PH_SHA256);
	g_array_append_val(walked->properties, property);
	return walked;
}

static int
parse(const GByteArray *bytes, struct ph_record *record, size_t *used)
{
	/* Of the exact size, for sanitizers. */
	g_autofree uint8_t *copy = g_memdup2(bytes->data, bytes->len);

	return ph_record_parse(copy, bytes->len, &limits, record, used, NULL);
}

START_TEST(test_file)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_walked *walked = make(), *got;
	const struct ph_walked_property *p;
	struct ph_record record;
	size_t used;

	ph_record_format_file(bytes, walked);
	ck_assert_int_eq(parse(bytes, &record, &used), 1);
	ck_assert_uint_eq(used, bytes->len);
	ck_assert_int_eq(record.kind, PH_RECORD_FILE);
	got = record.walked;
	ck_assert_str_eq(got->path, walked->path);
	ck_assert_str_eq(got->name, walked->name);
	ck_assert_str_eq(got->declared, "");
	ck_assert_str_eq(got->type, walked->type);
	ck_assert_str_eq(got->note, "why");
	ck_assert_str_eq(got->text, "text");
	ck_assert_uint_eq(got->text_size, 4);
	ck_assert_uint_eq(got->size, walked->size);
	ck_assert_uint_eq(got->depth, 1);
	ck_assert_uint_eq(got->flags, walked->flags);
	ck_assert_mem_eq(got->sha256, walked->sha256, PH_SHA256);
	ck_assert_uint_eq(got->properties->len, 1);
	p = &g_array_index(got->properties, struct ph_walked_property, 0);
	ck_assert_str_eq(p->name, "Title");
	ck_assert_str_eq(p->value, "A \xc3\xa9");
	ph_walked_free(got);
	ph_walked_free(walked);
}
END_TEST

START_TEST(test_no_text)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_walked *walked = make();
	struct ph_record record;
	size_t used;

	g_clear_pointer(&walked->text, g_free);
	walked->text_size = 0;
	ph_record_format_file(bytes, walked);
	ck_assert_int_eq(parse(bytes, &record, &used), 1);
	ck_assert_ptr_null(record.walked->text);
	ph_walked_free(record.walked);
	ph_walked_free(walked);
}
END_TEST

START_TEST(test_numbers_and_failure)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_record record;
	size_t used;

	ph_record_format(bytes, PH_RECORD_DONE, 42);
	ph_record_format_failed(bytes, "no filter");
	ck_assert_int_eq(parse(bytes, &record, &used), 1);
	ck_assert_int_eq(record.kind, PH_RECORD_DONE);
	ck_assert_uint_eq(record.number, 42);
	g_byte_array_remove_range(bytes, 0, (guint)used);
	ck_assert_int_eq(parse(bytes, &record, &used), 1);
	ck_assert_int_eq(record.kind, PH_RECORD_FAILED);
	ck_assert_str_eq(record.text, "no filter");
	g_free(record.text);
}
END_TEST

/* Cut anywhere, more is wanted. */
START_TEST(test_cut)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_walked *walked = make();
	struct ph_record record;
	size_t used;

	ph_record_format_file(bytes, walked);
	ph_walked_free(walked);
	while (bytes->len > 0) {
		g_byte_array_set_size(bytes, bytes->len - 1);
		ck_assert_int_eq(parse(bytes, &record, &used), 0);
	}
}
END_TEST

/* Any byte changed: another record, more to be read, or none; never harm. */
START_TEST(test_changed)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_walked *walked = make();
	struct ph_record record;
	size_t used, refused = 0;

	ph_record_format_file(bytes, walked);
	ph_walked_free(walked);
	for (guint i = 0; i < bytes->len; i++)
		for (unsigned bit = 1; bit < 256; bit *= 2) {
			int r;

			bytes->data[i] ^= (uint8_t)bit;
			r = parse(bytes, &record, &used);
			refused += r < 0;
			if (r == 1) {
				ck_assert(record.walked == NULL ||
					  record.walked->text != NULL ||
					  record.walked->text_size == 0);
				g_clear_pointer(&record.walked, ph_walked_free);
				g_free(record.text);
			}
			bytes->data[i] ^= (uint8_t)bit;
		}
	ck_assert_uint_gt(refused, 100);
}
END_TEST

static void
spoil_utf8(struct ph_walked *walked)
{
	walked->name[0] = (char)0xff;
}

static void
spoil_length(struct ph_walked *walked)
{
	g_free(walked->path);
	walked->path = g_strnfill(PH_WALKED_TEXT + 1, 'x');
}

static void
spoil_text(struct ph_walked *walked)
{
	g_free(walked->text);
	walked->text_size = limits.text + 1;
	walked->text = g_strnfill(walked->text_size, 'x');
}

static void
spoil_nul(struct ph_walked *walked)
{
	walked->text[1] = '\0';
}

static void
spoil_flags(struct ph_walked *walked)
{
	walked->flags |= 1U << 30;
}

static void
spoil_depth(struct ph_walked *walked)
{
	walked->depth = limits.depth + 2;
}

static void
spoil_properties(struct ph_walked *walked)
{
	for (size_t i = 0; i < PH_WALKED_PROPERTIES; i++) {
		struct ph_walked_property p = {g_strdup("x"), g_strdup("y")};

		g_array_append_val(walked->properties, p);
	}
}

static void
spoil_value(struct ph_walked *walked)
{
	struct ph_walked_property *p =
	    &g_array_index(walked->properties, struct ph_walked_property, 0);

	g_free(p->value);
	p->value = g_strnfill(PH_WALKED_VALUE + 1, 'x');
}

static void (*const spoilers[])(struct ph_walked *walked) = {
    spoil_utf8,	 spoil_length, spoil_text,	 spoil_nul,
    spoil_flags, spoil_depth,  spoil_properties, spoil_value,
};

START_TEST(test_spoiled)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct ph_walked *walked = make();
	struct ph_record record;
	size_t used;

	spoilers[_i](walked);
	ph_record_format_file(bytes, walked);
	ph_walked_free(walked);
	ck_assert_int_eq(parse(bytes, &record, &used), -1);
}
END_TEST

/* ---- requests ------------------------------------------------------------ */

START_TEST(test_request)
{
	const struct ph_walk_source parts[] = {
	    {"a.zip", "application/zip", NULL, "\0\1\2", 3, false},
	    {"", "message/rfc822", "utf-8", "", 0, true},
	};
	const struct ph_walk_limits asked = {.depth = 3, .text = 7};
	int fd = ph_request_new(&asked, parts, 2, NULL);
	struct ph_request request;

	ck_assert_int_ge(fd, 0);
	/* Nobody changes it any more. */
	ck_assert_int_lt(write(fd, "x", 1), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_eq(ph_request_open(fd, &request), 0);
	ck_assert_uint_eq(request.n, 2);
	ck_assert_uint_eq(request.limits.depth, 3);
	ck_assert_uint_eq(request.limits.text, 7);
	ck_assert_str_eq(request.parts[0].name, "a.zip");
	ck_assert_str_eq(request.parts[0].charset, "");
	ck_assert_uint_eq(request.parts[0].size, 3);
	ck_assert_mem_eq(request.parts[0].data, "\0\1\2", 3);
	ck_assert(!request.parts[0].message);
	ck_assert_str_eq(request.parts[1].declared, "message/rfc822");
	ck_assert(request.parts[1].message);
	ph_request_close(&request);
	close(fd);
}
END_TEST

START_TEST(test_bad_requests)
{
	struct ph_request request;
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	ck_assert_int_lt(ph_request_open(fd, &request), 0);
	ck_assert_int_eq(write(fd, "something", 9), 9);
	ck_assert_int_lt(ph_request_open(fd, &request), 0);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lib/inspect/wire");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_file);
	tcase_add_test(tc, test_no_text);
	tcase_add_test(tc, test_numbers_and_failure);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_changed);
	tcase_add_loop_test(tc, test_spoiled, 0, G_N_ELEMENTS(spoilers));
	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_bad_requests);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
