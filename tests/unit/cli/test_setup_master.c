#include "cli/setup_master.h"
#include "tests/unit/unit.h"

#include <string.h>

#define FILE_TEXT                                          \
	"# comment\n"                                      \
	"smtp      inet  n       -       y       -       " \
	"-       smtpd\n"                                  \
	"  -o a=b\n"                                       \
	"# between\n"                                      \
	"  -o { c = d e }  -v\n"                           \
	"\n"                                               \
	"cleanup unix n - y - 0 cleanup\n"

static struct ph_master *
read_text(const char *text)
{
	struct ph_master *master = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_master_parse(text, &master, &err) == 0, "%s",
		      err.text);
	return master;
}

static void
add(struct ph_master *master, const char *name, const char *type,
    const char *option, const char *value)
{
	struct ph_master_service *service =
	    ph_master_service_copy(ph_master_find(master, name, type));

	ph_master_service_set(service, option, value);
	ph_master_add(master, service, "connector X");
}

START_TEST(test_reading)
{
	struct ph_master *master = read_text(FILE_TEXT);
	const struct ph_master_service *smtp =
	    ph_master_find(master, "smtp", "inet");
	g_autofree char *text = ph_master_text(master);
	g_autofree char *c = ph_master_service_get(smtp, "c");
	g_autofree char *none = ph_master_service_get(smtp, "e");

	ck_assert_str_eq(text, FILE_TEXT);
	ck_assert_str_eq(c, "d e");
	ck_assert_ptr_null(none);
	ck_assert_str_eq(smtp->columns[2], "y");
	ck_assert_ptr_nonnull(ph_master_find(master, "cleanup", "unix"));
	ck_assert_ptr_null(ph_master_find(master, "smtp", "unix"));
	ph_master_free(&master);
}
END_TEST

/* What is written is read as the same, and gone when nothing is wanted. */
START_TEST(test_ours_comes_and_goes)
{
	struct ph_master *master = read_text(FILE_TEXT), *again, *whole = NULL;
	g_autofree char *once = NULL, *twice = NULL, *gone = NULL;
	struct ph_err err = PH_ERR_INIT;

	add(master, "smtp", "inet", "c", "x");
	once = ph_master_text(master);
	ck_assert_ptr_nonnull(
	    strstr(once, "\n# connector X\nsmtp inet n - y - - smtpd\n"
			 "  -o a=b\n  -o c=x -v\n"));
	ck_assert_ptr_nonnull(
	    strstr(once, "\n#posthub:   -o a=b\n# between\n#posthub:   -o {"));

	again = read_text(once);
	gone = ph_master_text(again);
	ck_assert_str_eq(gone, FILE_TEXT);
	add(again, "smtp", "inet", "c", "x");
	twice = ph_master_text(again);
	ck_assert_str_eq(twice, once);

	ck_assert_int_eq(ph_master_parse_whole(once, &whole, &err), 0);
	ck_assert_uint_eq(whole->services->len, 2);
	ph_master_free(&whole);
	ph_master_free(&again);
	ph_master_free(&master);
}
END_TEST

/* One of another type with the same name is another one. */
START_TEST(test_only_its_own_is_replaced)
{
	struct ph_master *master =
	    read_text("a inet n - y - - smtpd\na unix n - y - - smtp\n");
	g_autofree char *text = NULL;

	add(master, "a", "unix", "b", "c");
	text = ph_master_text(master);
	ck_assert(g_str_has_prefix(text, "a inet n - y - - smtpd\n"
					 "#posthub: a unix n - y - - smtp\n"));
	ph_master_free(&master);
}
END_TEST

START_TEST(test_options)
{
	struct ph_master *master = read_text(FILE_TEXT);
	struct ph_master_service *service =
	    ph_master_service_copy(ph_master_find(master, "smtp", "inet"));
	g_autofree char *text = NULL;

	ph_master_service_set(service, "a", "two words");
	ph_master_service_set(service, "e", "f");
	text = ph_master_service_text(service);
	ck_assert_str_eq(text, "smtp inet n - y - - smtpd\n"
			       "  -o { a = two words }\n"
			       "  -o { c = d e } -v\n  -o e=f\n");
	ph_master_service_free(service);
	ph_master_free(&master);
}
END_TEST

/* As for Postfix the last one counts. */
START_TEST(test_option_given_twice)
{
	struct ph_master *master = read_text(
	    "a inet n - y - - smtpd -o b=1 -o c=2\n -o { b = 3 } -v\n");
	struct ph_master_service *service =
	    ph_master_service_copy(ph_master_find(master, "a", "inet"));
	g_autofree char *before = ph_master_service_get(service, "b");
	g_autofree char *set = NULL;

	ck_assert_str_eq(before, "3");
	ph_master_service_set(service, "b", "4");
	set = ph_master_service_get(service, "b");
	ck_assert_str_eq(set, "4");
	ph_master_service_free(service);
	ph_master_free(&master);
}
END_TEST

/* The second of two services is ours. */
static const struct {
	const char *interfaces, *protocols, *its, *ours;
	bool overlap;
} overlaps[] = {
    {"all", "all", "192.0.2.1:25", "192.0.2.2:25", false},
    {"all", "all", "192.0.2.1:25", "192.0.2.1:26", false},
    {"all", "all", "192.0.2.1:25", "192.0.2.1:smtp", true},
    {"all", "all", "smtp", "192.0.2.1:25", true},
    {"all", "all", "192.0.2.1:25", "25", true},
    {"192.0.2.2, [::1]", "all", "25", "192.0.2.1:25", false},
    {"192.0.2.1, 192.0.2.2", "all", "25", "192.0.2.1:25", true},
    {"192.0.2.2 [2001:db8::1]", "all", "25", "[2001:db8::1]:25", true},
    {"loopback-only", "all", "25", "127.0.0.1:25", true},
    {"loopback-only", "all", "25", "192.0.2.1:25", false},
    /* It takes the other one's place. */
    {"all", "all", "smtp", "smtp", false},
    {"all", "all", "smtp", "25", true},
    /* Names, and one address written in two ways. */
    {"localhost", "all", "25", "127.0.0.1:25", true},
    {"192.0.2.1 localhost", "all", "127.0.0.1:25", "25", true},
    {"localhost", "all", "25", "192.0.2.1:25", false},
    {"192.0.2.1", "all", "localhost:25", "127.0.0.1:25", true},
    {"192.0.2.1", "all", "[2001:DB8:0::1]:25", "[2001:db8::1]:25", true},
    /* All of IPv4, or of IPv6, whatever inet_interfaces says. */
    {"192.0.2.2", "all", "0.0.0.0:25", "192.0.2.1:25", true},
    {"192.0.2.2", "all", "192.0.2.1:25", "0.0.0.0:25", true},
    {"192.0.2.2", "all", "0.0.0.0:25", "25", true},
    {"192.0.2.2", "all", "[::]:25", "[2001:db8::1]:25", true},
    {"192.0.2.2", "all", "[::]:25", "192.0.2.1:25", false},
    {"all", "all", "[::]:25", "0.0.0.0:25", false},
    {"all", "all", "[::]:25", "25", true},
    {"loopback-only", "all", "[::]:25", "25", true},
    /* What inet_protocols leaves out. */
    {"all", "ipv4", "[::]:25", "25", false},
    {"all", "ipv4", "0.0.0.0:25", "25", true},
    {"all", "ipv6", "0.0.0.0:25", "25", false},
    {"all", "ipv4, ipv6", "[::]:25", "25", true},
};

START_TEST(test_overlap)
{
	for (size_t i = 0; i < G_N_ELEMENTS(overlaps); i++) {
		g_autofree char *text =
		    g_strdup_printf("%s inet n - y - - smtpd\n"
				    "x unix n - y - - smtp\n",
				    overlaps[i].its);
		struct ph_master *master = read_text(text);
		struct ph_master_service *service =
		    ph_master_service_copy(master->services->pdata[0]);
		const struct ph_master_service *one, *other;
		struct ph_err err = PH_ERR_INIT;

		g_free(service->name);
		service->name = g_strdup(overlaps[i].ours);
		ph_master_add(master, service, "connector X");
		ck_assert_msg(ph_master_overlap(master, overlaps[i].interfaces,
						overlaps[i].protocols, &one,
						&other,
						&err) == overlaps[i].overlap,
			      "%s, %s, %s", overlaps[i].interfaces,
			      overlaps[i].its, overlaps[i].ours);
		if (overlaps[i].overlap)
			ck_assert(one == service && other != service);
		ph_master_free(&master);
	}
}
END_TEST

/* Both of them ours. */
START_TEST(test_overlap_of_ours)
{
	struct ph_master *master = read_text("a inet n - y - - smtpd\n");
	const struct ph_master_service *one, *other;
	struct ph_err err = PH_ERR_INIT;

	for (int i = 0; i < 2; i++) {
		struct ph_master_service *service =
		    ph_master_service_copy(master->services->pdata[0]);

		g_free(service->name);
		service->name = g_strdup(i == 0 ? "26" : "[::1]:26");
		ck_assert_int_eq(
		    ph_master_overlap(master, "all", "all", &one, &other, &err),
		    0);
		ph_master_add(master, service, "connector X");
	}
	ck_assert_int_eq(
	    ph_master_overlap(master, "all", "all", &one, &other, &err), 1);
	ck_assert_str_eq(one->name, "[::1]:26");
	ck_assert_str_eq(other->name, "26");
	ph_master_free(&master);
}
END_TEST

/* A name that nobody knows: whether it overlaps cannot be said, but for the
 * port. */
START_TEST(test_overlap_with_an_unknown_name)
{
	static const int answers[] = {0, -1};

	for (int i = 0; i < 2; i++) {
		struct ph_master *master =
		    read_text("none.invalid:25 inet n - y - - smtpd\n");
		struct ph_master_service *service =
		    ph_master_service_copy(master->services->pdata[0]);
		const struct ph_master_service *one, *other;
		struct ph_err err = PH_ERR_INIT;

		g_free(service->name);
		service->name =
		    g_strdup(i == 0 ? "192.0.2.1:26" : "192.0.2.1:25");
		ph_master_add(master, service, "connector X");
		ck_assert_int_eq(
		    ph_master_overlap(master, "all", "all", &one, &other, &err),
		    answers[i]);
		if (answers[i] < 0)
			ck_assert_ptr_nonnull(
			    strstr(err.text, "master.cf: none.invalid: "));
		ph_master_free(&master);
	}
}
END_TEST

/* A binding of any address is given to the service of that kind. */
START_TEST(test_listener_at_any_address)
{
	static const char *const names[] = {"25", "0.0.0.0:25", "[::]:smtp"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text =
		    g_strdup_printf("%s inet n - y - - smtpd\n", names[i]);
		struct ph_master *master = read_text(text);

		ck_assert_ptr_eq(ph_master_listener(master, "", 25),
				 master->services->pdata[0]);
		ck_assert_ptr_null(ph_master_listener(master, "", 26));
		ck_assert_ptr_null(ph_master_listener(master, "192.0.2.1", 25));
		ph_master_free(&master);
	}
}
END_TEST

static const struct {
	const char *name, *type;
	const char *host; /* NULL: no place */
	int port;
} places[] = {
    {"25", "inet", "", 25},
    {"smtp", "inet", "", 25},
    {"0.0.0.0:25", "inet", "0.0.0.0", 25},
    {"[::]:25", "inet", "::", 25},
    {"127.0.0.1:submission", "inet", "127.0.0.1", 587},
    {"[2001:db8::1]:587", "inet", "2001:db8::1", 587},
    {"smtp", "unix", NULL, 0},
    {"0", "inet", NULL, 0},
    {"65536", "inet", NULL, 0},
    {"no-such-port-at-all", "inet", NULL, 0},
};

START_TEST(test_places)
{
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct ph_master_service service = {
		    .name = (char *)(uintptr_t)places[i].name,
		    .type = (char *)(uintptr_t)places[i].type,
		};
		g_autofree char *host = NULL;
		int port = 0;
		bool found = ph_master_service_place(&service, &host, &port);

		ck_assert_msg(found == (places[i].host != NULL), "%s",
			      places[i].name);
		if (!found)
			continue;
		ck_assert_str_eq(host, places[i].host);
		ck_assert_int_eq(port, places[i].port);
	}
}
END_TEST

#define BEGIN_LINE                                                        \
	"# ---- posthub setup connectors: written by it, up to the next " \
	"line\n"
#define END_LINE "# ---- end of posthub setup connectors\n"

/* Edited by hand: nobody knows any more whose a line is. */
static const char *const broken[] = {
    "smtp inet n - y - - \n",
    BEGIN_LINE "a inet n - y - - smtpd\n",
    "a inet n - y - - smtpd\n" END_LINE,
    BEGIN_LINE BEGIN_LINE END_LINE,
    BEGIN_LINE END_LINE END_LINE,
};

START_TEST(test_what_is_no_master_cf)
{
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		struct ph_master *master = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_master_parse(broken[i], &master, &err) == -1,
			      "%s", broken[i]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_ptr_null(master);
	}
}
END_TEST

UNIT_MAIN("cli/setup_master", test_reading, test_ours_comes_and_goes,
	  test_only_its_own_is_replaced, test_options, test_option_given_twice,
	  test_overlap, test_overlap_of_ours, test_overlap_with_an_unknown_name,
	  test_listener_at_any_address, test_places, test_what_is_no_master_cf)
