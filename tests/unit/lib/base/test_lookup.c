#include "lib/base/lookup.h"
#include "lib/base/stream.h"
#include "tests/unit/gate.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* ---- a name server ------------------------------------------------------- */

static struct unit_gate gate;
static atomic_uint questions;

/* In place of the C library's: of names only "localhost" is known, and only
 * when the gate is open. */
int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
	    struct addrinfo **list_r)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *,
		     struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");

	if (hints->ai_flags & AI_NUMERICHOST)
		return real(host, port, hints, list_r);
	questions++;
	unit_gate_pass(&gate);
	if (strcmp(host, "localhost") == 0)
		return real("127.0.0.1", port, hints, list_r);
	return EAI_NONAME;
}

static int
look_up(const char *host, int64_t timeout, struct ph_lookup **lookup_r,
	struct ph_err *err)
{
	return ph_lookup_run(host, 25, 0, ph_clock_mono() + timeout, lookup_r,
			     err);
}

static void
check_localhost(const struct ph_lookup *lookup)
{
	const struct addrinfo *list = ph_lookup_list(lookup);
	const struct sockaddr_in *address = (const void *)list->ai_addr;

	ck_assert_int_eq(list->ai_family, AF_INET);
	ck_assert_uint_eq(ntohs(address->sin_port), 25);
	ck_assert_uint_eq(ntohl(address->sin_addr.s_addr), INADDR_LOOPBACK);
}

/* As many threads as were left behind come to their end. */
static void
open_gate(void)
{
	unit_gate_open(&gate);
	UNIT_WAIT(gate.waiting == 0);
}

/* -------------------------------------------------------------------------- */

START_TEST(a_connection_ends_when_its_time_is_over)
{
	const struct ph_endpoint endpoint = {.host = "localhost", .port = 25};
	const int64_t begin = ph_clock_mono();
	struct ph_stream *stream = NULL;
	struct ph_err err = PH_ERR_INIT;

	unit_gate_shut(&gate);
	ck_assert_int_eq(ph_stream_connect(&endpoint, NULL, 30, &stream, &err),
			 -1);
	ck_assert_int_lt(ph_clock_mono() - begin, 5000);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_str_eq(err.text, "connect to localhost:25: looking up its "
				   "name timed out");
	open_gate();
}
END_TEST

START_TEST(a_name_is_looked_up)
{
	struct ph_lookup *lookup = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(look_up("localhost", 5000, &lookup, &err), 0);
	check_localhost(lookup);
	ph_lookup_unref(&lookup);
	ph_lookup_unref(&lookup);
	ck_assert_int_eq(look_up("no.example", 5000, &lookup, &err), -1);
	ck_assert_ptr_null(lookup);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_str_eq(err.text, gai_strerror(EAI_NONAME));
}
END_TEST

/* Not even without any time. */
START_TEST(an_address_asks_nobody)
{
	struct ph_lookup *lookup = NULL;
	struct ph_err err = PH_ERR_INIT;
	const unsigned before = questions;

	unit_gate_shut(&gate);
	ck_assert_int_eq(look_up("127.0.0.1", -1, &lookup, &err), 0);
	check_localhost(lookup);
	ph_lookup_unref(&lookup);
	ck_assert_int_eq(look_up("::1", -1, &lookup, &err), 0);
	ck_assert_int_eq(ph_lookup_list(lookup)->ai_family, AF_INET6);
	ph_lookup_unref(&lookup);
	ck_assert_uint_eq(questions, before);
	open_gate();
}
END_TEST

static void *
wait_for_localhost(void *unused)
{
	struct ph_lookup *lookup = NULL;

	(void)unused;
	ck_assert_int_eq(look_up("localhost", 10000, &lookup, NULL), 0);
	return lookup;
}

/* Whoever comes, while nobody answers, leaves nothing further behind; who still
 * waits gets the one answer. */
START_TEST(a_name_is_asked_for_once_at_a_time)
{
	const unsigned before = questions;
	struct ph_lookup *lookup = NULL;
	GThread *waiting[2];

	unit_gate_shut(&gate);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(look_up("localhost", 5, &lookup, NULL), -1);
	for (int i = 0; i < 2; i++)
		waiting[i] = g_thread_new("test", wait_for_localhost, NULL);
	UNIT_WAIT(gate.waiting == 1);
	ck_assert_uint_eq(questions, before + 1);
	open_gate();
	for (int i = 0; i < 2; i++) {
		lookup = g_thread_join(waiting[i]);
		check_localhost(lookup);
		ph_lookup_unref(&lookup);
	}
	ck_assert_int_eq(look_up("localhost", 5000, &lookup, NULL), 0);
	ph_lookup_unref(&lookup);
}
END_TEST

/* Those that wait for a place have it as soon as there is one. */
START_TEST(names_that_nobody_answers_for_are_bounded)
{
	struct ph_lookup *lookup = NULL;
	struct ph_err err = PH_ERR_INIT;
	const unsigned before = questions;
	GThread *waiting;

	unit_gate_shut(&gate);
	for (int i = 0; i < PH_LOOKUP_LIMIT + 3; i++) {
		g_autofree char *host = g_strdup_printf("n%d.example", i);

		ck_assert_int_eq(look_up(host, 5, &lookup, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	}
	ck_assert_ptr_nonnull(strstr(err.text, "too many names"));
	UNIT_WAIT(gate.waiting == PH_LOOKUP_LIMIT);
	ck_assert_uint_eq(questions, before + PH_LOOKUP_LIMIT);
	waiting = g_thread_new("test", wait_for_localhost, NULL);
	open_gate();
	lookup = g_thread_join(waiting);
	check_localhost(lookup);
	ph_lookup_unref(&lookup);
}
END_TEST

UNIT_MAIN("lib/base/lookup", a_connection_ends_when_its_time_is_over,
	  a_name_is_looked_up, an_address_asks_nobody,
	  a_name_is_asked_for_once_at_a_time,
	  names_that_nobody_answers_for_are_bounded)
