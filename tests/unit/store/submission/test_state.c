#include "store/submission/state.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_item_state *
example(void)
{
	struct ph_item_state *state = ph_item_state_new("submitting");
	struct ph_rcpt *rcpt;

	state->size = UINT64_MAX;
	state->mtime = INT64_MAX;
	state->id = 42;
	state->created = 1352628000000;
	state->due = 1352628000001;
	state->tries = 3;
	state->reports = 2;
	state->misses = 4;
	state->missed = 1352628000002;
	g_strlcpy(state->nmid, "09cd2dec-2721-8fbc-b3c1-ed94b6663960",
		  sizeof(state->nmid));
	ph_state_text(&state->sender, "nuno@example.com");
	ph_state_text(&state->deferred, "a;b\n[item]\nstep=filing\\ ");
	ph_state_text(&state->name, "1.M1");
	ph_item_state_add(state, "\"a b\"@x.example", "To");
	rcpt = ph_item_state_add(state, "jos\xc3\xa9@x.example", "Bcc");
	rcpt->state = PH_RCPT_REFUSED;
	ph_state_text(&rcpt->reply, "550-5.1.1 no\n550 5.1.1 [one]");
	ph_item_state_add(state, "c@x.example", "Cc")->state = PH_RCPT_TAKEN;
	return state;
}

START_TEST(test_round_trip)
{
	struct ph_item_state *a = example(), *b = NULL;
	g_autofree char *text = ph_item_state_format(a);
	g_autofree char *again = NULL;
	const struct ph_rcpt *rcpt;

	ck_assert_int_eq(ph_item_state_parse(text, strlen(text), &b, NULL), 0);
	again = ph_item_state_format(b);
	ck_assert_str_eq(text, again);
	ck_assert_str_eq(b->step, "submitting");
	ck_assert_str_eq(b->deferred, a->deferred);
	ck_assert(b->due == a->due && b->reports == 2 && b->tries == 3);
	ck_assert(b->misses == 4 && b->missed == a->missed);
	ck_assert_str_eq(b->nmid, a->nmid);
	ck_assert(b->size == UINT64_MAX && b->mtime == INT64_MAX);
	ck_assert_uint_eq(b->recipients->len, 3);
	rcpt = b->recipients->pdata[1];
	ck_assert_str_eq(rcpt->address, "jos\xc3\xa9@x.example");
	ck_assert_str_eq(rcpt->kind, "Bcc");
	ck_assert_str_eq(rcpt->reply, "550-5.1.1 no\n550 5.1.1 [one]");
	ck_assert_uint_eq(ph_item_state_count(b, PH_RCPT_WAITING), 1);
	ck_assert_uint_eq(ph_item_state_count(b, PH_RCPT_TAKEN), 1);
	ck_assert_uint_eq(ph_item_state_count(b, PH_RCPT_REFUSED), 1);
	ph_item_state_free(&a);
	ph_item_state_free(&b);
}
END_TEST

/* A part of a state never looks like one with fewer recipients. */
START_TEST(test_cut)
{
	struct ph_item_state *a = example();
	g_autofree char *text = ph_item_state_format(a);
	size_t size = strlen(text);

	for (size_t n = 0; n < size; n++) {
		struct ph_item_state *b = NULL;

		if (ph_item_state_parse(text, n, &b, NULL) == 0)
			ck_assert_uint_eq(b->recipients->len, 3);
		else
			ck_assert_ptr_null(b);
		ph_item_state_free(&b);
	}
	ph_item_state_free(&a);
}
END_TEST

START_TEST(test_damaged)
{
	static const char bad_word[] =
	    "[item]\nversion=1\nstep=s\nrecipients=1\n"
	    "[recipient 0]\naddress=a\nstate=gone\n";
	static const char *const texts[] = {
	    "",
	    "\xff\xfe",
	    "[item]\nversion=2\nstep=claimed\n",
	    "[item]\nversion=1\n",
	    "[item]\nversion=1\nstep=claimed\nrecipients=-1\n",
	    "[item]\nversion=1\nstep=claimed\nrecipients=1000000000\n",
	    bad_word,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct ph_item_state *state = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_item_state_parse(texts[i], strlen(texts[i]),
						  &state, &err) == -1,
			      "%s", texts[i]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_ptr_null(state);
	}
}
END_TEST

UNIT_MAIN("store/submission/state", test_round_trip, test_cut, test_damaged)
