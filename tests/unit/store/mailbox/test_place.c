#include "store/mailbox/place.h"

#include "tests/unit/unit.h"

#include <string.h>

static struct ph_object *
person(void)
{
	static const struct ph_pair pairs[] = {
	    {"RecipientType", "UserMailbox"},
	    {"Database", "DB1"},
	    {"Alias", "Nuno"},
	    {"CustomAttribute1", "../.."},
	    {"CustomAttribute2", "a/b"},
	    {"homeServer", "..\xc3\xa4"},
	};
	struct ph_object *object;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_object_parse(ph_kind_find("recipient"),
				      "nuno@example.com", pairs,
				      G_N_ELEMENTS(pairs), &object, &err) == 0,
		      "%s", err.text);
	return object;
}

/* The components joined by '/', or "!" and the error's text. */
static char *
expand(const char *text, const char *address, const struct ph_object *entry)
{
	struct ph_place *place = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_auto(GStrv) components = NULL;
	char *out;

	ck_assert_msg(ph_place_parse(text, &place, &err) == 0, "%s: %s", text,
		      err.text);
	components = ph_place_expand(place, address, entry, &err);
	ph_place_free(&place);
	ck_assert_ptr_null(place);
	out = components ? g_strjoinv("/", components)
			 : g_strconcat("!", err.text, NULL);
	ck_assert(components || err.kind == PH_ERR_TEMP);
	return out;
}

static const struct {
	const char *text, *address, *path;
} good[] = {
    {"{domain}/{local}", "Nuno@Example.COM", "example.com/nuno"},
    {"{local}@{domain}", "nuno@example.com", "nuno@example.com"},
    {"{address}", "nuno@example.com", "nuno@example.com"},
    {"users/{domain}/{local}/Maildir", "nuno@example.com",
     "users/example.com/nuno/Maildir"},
    {"{Alias}", "x@y", "nuno"},
    {"u-{alias}", "x@y", "u-nuno"},
    {"{Database}/{address}", "x@y", "db1/x@y"},
    {"{homeServer}", "x@y", "%2E.%C3%A4"},
    /* Nothing that is filled in leads out or makes a level more. */
    {"{domain}/{local}", "\"../../etc\"@example.com",
     "example.com/\"..%2F..%2Fetc\""},
    {"{domain}/{local}", "..@..", "%2E./%2E."},
    {"{domain}/{local}", ".posthub@b", "b/%2Eposthub"},
    {"{CustomAttribute1}", "x@y", "%2E.%2F.."},
    {"{CustomAttribute2}/{local}", "x@y", "a%2Fb/x"},
};

START_TEST(test_filled_in)
{
	struct ph_object *entry = person();

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autofree char *got =
		    expand(good[i].text, good[i].address, entry);

		ck_assert_str_eq(got, good[i].path);
	}
	ph_object_unref(&entry);
}
END_TEST

static const struct {
	const char *text, *error;
} bad[] = {
    {"", "several people one mailbox"},
    {"{domain}", "several people one mailbox"},
    {"{local}", "several people one mailbox"},
    {"mail", "several people one mailbox"},
    {"/{address}", "an empty name"},
    {"{address}/", "an empty name"},
    {"a//{address}", "an empty name"},
    {"../{address}", "is no name of a directory"},
    {".x/{address}", "is no name of a directory"},
    {"a b/{address}", "is no name of a directory"},
    {"a}/{address}", "is no name of a directory"},
    {"\xc3\xa4/{address}", "is no name of a directory"},
    {"{address", "no }"},
    {"{}", "is not known"},
    {"{no such}", "is not known"},
    {"{Members}/{address}", "is not known"},
    {"{MaxSendSize}/{address}", "is not known"},
    {"1/2/3/4/5/6/7/8/{address}", "more than 8 levels"},
};

START_TEST(test_refused)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ph_place *place = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_place_parse(bad[i].text, &place, &err) == -1,
			      "%s", bad[i].text);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(strstr(err.text, bad[i].error) != NULL, "%s: %s",
			      bad[i].text, err.text);
		ck_assert_ptr_null(place);
	}
}
END_TEST

START_TEST(test_what_is_missing)
{
	g_autofree char *unset = expand("{Title}", "a@b", NULL);
	g_autofree char *none = expand("{address}", "nobody", NULL);
	struct ph_object *entry = person();
	g_autofree char *empty = expand("{Title}/{local}", "a@b", entry);

	ck_assert_str_eq(unset, "!a@b has no Title, which mailbox_path wants: "
				"set it, or change mailbox_path");
	ck_assert_str_eq(none, "!\"nobody\" is no address to keep mail for");
	ck_assert_str_eq(empty, unset);
	ph_object_unref(&entry);
}
END_TEST

START_TEST(test_length)
{
	g_autofree char *local = g_strnfill(180, 'a');
	g_autofree char *domain = g_strnfill(74, 'b');
	g_autofree char *fits = g_strdup_printf("%s@%s", local, domain);
	g_autofree char *over = g_strdup_printf("%s@b%s", local, domain);
	g_autofree char *one = expand("{local}@{domain}", fits, NULL);
	g_autofree char *two = expand("{local}@{domain}", over, NULL);

	ck_assert_str_eq(one, fits);
	ck_assert_ptr_nonnull(strstr(two, "longer than 255 bytes"));
}
END_TEST

START_TEST(test_default)
{
	struct ph_place *place;

	ck_assert_int_eq(ph_place_parse("{domain}/{local}", &place, NULL), 0);
	ck_assert(ph_place_is_default(place));
	ph_place_free(&place);
	ck_assert_int_eq(ph_place_parse("{domain}/{local}/x", &place, NULL), 0);
	ck_assert(!ph_place_is_default(place));
	ph_place_free(&place);
}
END_TEST

START_TEST(test_attribute)
{
	g_autofree char *name = ph_place_attribute("{uidNumber}");

	ck_assert_str_eq(name, "uidNumber");
	ck_assert_ptr_null(ph_place_attribute("uidNumber"));
	ck_assert_ptr_null(ph_place_attribute("{}"));
	ck_assert_ptr_null(ph_place_attribute("{a}b"));
	ck_assert_ptr_null(ph_place_attribute("{Members}"));
	ck_assert_ptr_null(ph_place_attribute(""));
}
END_TEST

UNIT_MAIN("store/mailbox/place", test_filled_in, test_refused,
	  test_what_is_missing, test_length, test_default, test_attribute)
