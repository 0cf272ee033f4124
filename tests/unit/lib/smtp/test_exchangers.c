#include "lib/smtp/exchangers.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

/* A zone is "name type value", one a line: "MX" has "preference host" ("." is
 * the root), "?" as type: nobody can say. */
static void
add_record(GPtrArray *records, enum ph_dns_type type, char *const *words)
{
	struct ph_dns_record *record = g_new0(struct ph_dns_record, 1);

	if (type == PH_DNS_MX) {
		record->preference = (unsigned)atoi(words[2]);
		record->value =
		    g_strdup(strcmp(words[3], ".") == 0 ? "" : words[3]);
	} else {
		record->value = g_strdup(words[2]);
	}
	g_ptr_array_add(records, record);
}

static int
find(void *ctx, const char *name, enum ph_dns_type type, int64_t deadline,
     GPtrArray **records_r, struct ph_err *err)
{
	static const char *const types[] = {"A", "AAAA", "MX"};
	g_auto(GStrv) lines = g_strsplit(ctx, "\n", -1);

	(void)deadline;
	*records_r = g_ptr_array_new_with_free_func(ph_dns_record_free);
	for (char **line = lines; *line != NULL; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 4);

		if (words[0] == NULL || strcmp(words[0], name) != 0)
			continue;
		if (strcmp(words[1], types[type]) == 0)
			add_record(*records_r, type, words);
		else if (strcmp(words[1], "?") == 0 &&
			 strcmp(words[2], types[type]) == 0) {
			g_clear_pointer(records_r, g_ptr_array_unref);
			return ph_err_set(err, PH_ERR_TEMP, "DNS: away");
		}
	}
	if ((*records_r)->len > 0)
		return 1;
	g_clear_pointer(records_r, g_ptr_array_unref);
	return 0;
}

static const struct {
	const char *rule, *zone;
	int answer;
	const char *hosts;
} hosts[] = {
    {"no MX: the domain itself", "", 1, "d.test"},
    {"one", "d.test MX 10 a.test", 1, "a.test"},
    {"in order of preference",
     "d.test MX 20 b.test\nd.test MX 10 a.test\nd.test MX 30 c.test", 1,
     "a.test b.test c.test"},
    {"the null MX", "d.test MX 0 .", 0, ""},
    {"beside another it says nothing", "d.test MX 0 .\nd.test MX 10 a.test", 1,
     "a.test"},
    {"nobody can say", "d.test ? MX", -1, ""},
};

START_TEST(hosts_of_a_domain)
{
	for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
		const struct ph_exchangers exchangers = {
		    find, (void *)(uintptr_t)hosts[i].zone};
		g_autoptr(GPtrArray) found = NULL;
		g_autoptr(GString) text = g_string_new(NULL);
		struct ph_err err = PH_ERR_INIT;
		GRand *random = g_rand_new_with_seed(1);

		ck_assert_msg(ph_exchangers_hosts(&exchangers, "d.test", random,
						  0, &found,
						  &err) == hosts[i].answer,
			      "%s", hosts[i].rule);
		for (guint k = 0; found != NULL && k < found->len; k++)
			g_string_append_printf(
			    text, "%s%s", k > 0 ? " " : "",
			    ((struct ph_dns_record *)found->pdata[k])->value);
		ck_assert_msg(strcmp(text->str, hosts[i].hosts) == 0, "%s: %s",
			      hosts[i].rule, text->str);
		g_rand_free(random);
	}
}
END_TEST

START_TEST(equals_are_shuffled)
{
	static char zone[] = "d.test MX 10 a.test\nd.test MX 10 b.test\n"
			     "d.test MX 20 c.test";
	const struct ph_exchangers exchangers = {find, zone};
	GRand *random = g_rand_new_with_seed(1);
	unsigned first = 0;

	for (int i = 0; i < 100; i++) {
		g_autoptr(GPtrArray) found = NULL;
		const struct ph_dns_record *host;

		ck_assert_int_eq(ph_exchangers_hosts(&exchangers, "d.test",
						     random, 0, &found, NULL),
				 1);
		host = found->pdata[0];
		first += strcmp(host->value, "a.test") == 0;
		host = found->pdata[2];
		ck_assert_str_eq(host->value, "c.test");
	}
	ck_assert_uint_gt(first, 20);
	ck_assert_uint_lt(first, 80);
	g_rand_free(random);
}
END_TEST

static const struct {
	const char *rule, *zone;
	int answer;
	const char *first;
} addresses[] = {
    {"one", "h.test A 192.0.2.1", 1, "192.0.2.1"},
    {"IPv6 first", "h.test A 192.0.2.1\nh.test AAAA 2001:db8::1", 1,
     "2001:db8::1"},
    {"none", "", 0, NULL},
    {"one family will do", "h.test ? AAAA\nh.test A 192.0.2.1", 1, "192.0.2.1"},
    {"nobody can say", "h.test ? AAAA", -1, NULL},
};

START_TEST(addresses_of_a_host)
{
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		const struct ph_exchangers exchangers = {
		    find, (void *)(uintptr_t)addresses[i].zone};
		g_autoptr(GPtrArray) found = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_exchangers_addresses(&exchangers, "h.test", 0,
						      &found, &err) ==
				  addresses[i].answer,
			      "%s", addresses[i].rule);
		if (addresses[i].first != NULL)
			ck_assert_str_eq(found->pdata[0], addresses[i].first);
		else
			ck_assert_ptr_null(found);
	}
}
END_TEST

UNIT_MAIN("lib/smtp/exchangers", hosts_of_a_domain, equals_are_shuffled,
	  addresses_of_a_host)
