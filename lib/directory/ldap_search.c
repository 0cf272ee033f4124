#include "lib/base/clock.h"
#include "lib/directory/ldap_entry.h"
#include "lib/directory/ldap_private.h"
#include "lib/directory/ldap_text.h"

#include <limits.h>
#include <string.h>

/* Active Directory gives at most 1,000 entries without pages. */
#define PAGE_SIZE 500
/* Active Directory gives 1,500 values at once, older ones 1,000: a million. */
#define RANGES_LIMIT 1000

/* ---- entries ------------------------------------------------------------ */

static void
take_values(struct ph_ldap_entry *entry, const char *attribute,
	    struct berval **values)
{
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		ph_ldap_entry_add(entry, attribute, values[i]->bv_val,
				  values[i]->bv_len);
}

/* Parts that are still to be asked for are added to ranges. */
static void
take_attributes(struct ph_ldap_conn *conn, LDAPMessage *message,
		struct ph_ldap_entry *entry, GPtrArray *ranges)
{
	BerElement *position = NULL;
	char *attribute = ldap_first_attribute(conn->ld, message, &position);

	while (attribute != NULL) {
		g_autofree char *name = NULL, *next = NULL;
		struct berval **values =
		    ldap_get_values_len(conn->ld, message, attribute);

		if (ph_ldap_range_parse(attribute, &name, &next) == 1 &&
		    next != NULL)
			g_ptr_array_add(ranges, g_steal_pointer(&next));
		take_values(entry, name != NULL ? name : attribute, values);
		ldap_value_free_len(values);
		ldap_memfree(attribute);
		attribute = ldap_next_attribute(conn->ld, message, position);
	}
	ber_free(position, 0);
}

/* ---- one request -------------------------------------------------------- */

struct answer {
	LDAPMessage *messages;
	LDAPControl **controls;
	int code;
};

static void
answer_clear(struct answer *answer)
{
	ldap_controls_free(answer->controls);
	ldap_msgfree(answer->messages);
}

static int
judge(struct ph_ldap_conn *conn, const struct ph_ldap_query *query, int code,
      struct ph_err *err)
{
	if (code == LDAP_SUCCESS ||
	    (code == LDAP_NO_SUCH_OBJECT && query->single))
		return 0;
	return ph_ldap_conn_fail(conn, code, "search", err);
}

/* 0: clear *answer_r. */
static int
ask(struct ph_ldap_conn *conn, const struct ph_ldap_query *query,
    LDAPControl **controls, int64_t deadline, struct answer *answer_r,
    struct ph_err *err)
{
	struct timeval left = ph_ldap_until(deadline);
	int id = 0, rc;

	memset(answer_r, 0, sizeof *answer_r);
	left.tv_sec++; /* the server's own limit: whole seconds */
	rc = ldap_search_ext(
	    conn->ld, query->base,
	    query->single ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE, query->filter,
	    (char **)(uintptr_t)query->attributes, 0, controls, NULL, &left,
	    query->limit > INT_MAX ? 0 : (int)query->limit, &id);
	if (rc != LDAP_SUCCESS)
		return ph_ldap_conn_fail(conn, rc, "search", err);
	if (ph_ldap_conn_await(conn, id, "search", deadline,
			       &answer_r->messages, err) < 0)
		return -1;
	rc = ldap_parse_result(conn->ld, answer_r->messages, &answer_r->code,
			       NULL, NULL, NULL, &answer_r->controls, 0);
	if (rc != LDAP_SUCCESS)
		(void)ph_ldap_conn_fail(conn, rc, "search", err);
	else if (judge(conn, query, answer_r->code, err) == 0)
		return 0;
	answer_clear(answer_r);
	return -1;
}

/* ---- ranges ------------------------------------------------------------- */

static int
read_range(struct ph_ldap_conn *conn, struct ph_ldap_entry *entry,
	   const char *range, int64_t deadline, GPtrArray *ranges,
	   struct ph_err *err)
{
	const char *const attributes[] = {range, NULL};
	const struct ph_ldap_query query = {entry->dn, true, "(objectClass=*)",
					    attributes, 1};
	const guint before = ranges->len;
	struct answer answer;
	LDAPMessage *message;

	if (ask(conn, &query, NULL, deadline, &answer, err) < 0)
		return -1;
	message = ldap_first_entry(conn->ld, answer.messages);
	if (message != NULL)
		take_attributes(conn, message, entry, ranges);
	answer_clear(&answer);
	if (message == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s went while it was read",
				  entry->dn);
	/* A server that gives the same part again would never end. */
	if (ranges->len > before &&
	    strcmp(ranges->pdata[ranges->len - 1], range) == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s does not go on",
				  entry->dn, range);
	return 0;
}

static int
read_ranges(struct ph_ldap_conn *conn, struct ph_ldap_entry *entry,
	    GPtrArray *ranges, int64_t deadline, struct ph_err *err)
{
	/* Each part that is read may add the next one. */
	for (guint i = 0; i < ranges->len; i++) {
		if (i >= RANGES_LIMIT)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s: more than %d ranges of values",
					  entry->dn, RANGES_LIMIT);
		if (read_range(conn, entry, ranges->pdata[i], deadline, ranges,
			       err) < 0)
			return -1;
	}
	return 0;
}

/* ---- pages -------------------------------------------------------------- */

static int
take_entry(struct ph_ldap_conn *conn, LDAPMessage *message, int64_t deadline,
	   GPtrArray *entries, struct ph_err *err)
{
	g_autoptr(GPtrArray) ranges = g_ptr_array_new_with_free_func(g_free);
	char *dn = ldap_get_dn(conn->ld, message);
	struct ph_ldap_entry *entry;

	if (dn == NULL)
		return ph_ldap_conn_fail(conn, LDAP_DECODING_ERROR, "search",
					 err);
	entry = ph_ldap_entry_new(dn);
	ldap_memfree(dn);
	g_ptr_array_add(entries, entry);
	take_attributes(conn, message, entry, ranges);
	return read_ranges(conn, entry, ranges, deadline, err);
}

static int
take_entries(struct ph_ldap_conn *conn, LDAPMessage *answer, size_t limit,
	     int64_t deadline, GPtrArray *entries, struct ph_err *err)
{
	LDAPMessage *message = ldap_first_entry(conn->ld, answer);

	for (; message != NULL; message = ldap_next_entry(conn->ld, message)) {
		if (entries->len >= limit)
			return ph_ldap_conn_fail(conn, LDAP_SIZELIMIT_EXCEEDED,
						 "search", err);
		if (take_entry(conn, message, deadline, entries, err) < 0)
			return -1;
	}
	return 0;
}

/* Where the next page begins: empty, there is none. */
static void
next_page(struct ph_ldap_conn *conn, LDAPControl **controls,
	  struct berval *cookie)
{
	LDAPControl *control =
	    ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	ber_int_t estimate;

	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){0, NULL};
	if (control != NULL)
		(void)ldap_parse_pageresponse_control(conn->ld, control,
						      &estimate, cookie);
}

static int
read_page(struct ph_ldap_conn *conn, const struct ph_ldap_query *query,
	  struct berval *cookie, int64_t deadline, GPtrArray *entries,
	  struct ph_err *err)
{
	LDAPControl *page[] = {NULL, NULL};
	struct answer answer;
	int r, rc;

	if (!query->single) {
		rc = ldap_create_page_control(conn->ld, PAGE_SIZE, cookie, 0,
					      &page[0]);
		if (rc != LDAP_SUCCESS)
			return ph_ldap_conn_fail(conn, rc, "pages", err);
	}
	r = ask(conn, query, page, deadline, &answer, err);
	ldap_control_free(page[0]);
	if (r < 0)
		return -1;
	r = take_entries(conn, answer.messages, query->limit, deadline, entries,
			 err);
	next_page(conn, answer.controls, cookie);
	answer_clear(&answer);
	return r;
}

int
ph_ldap_conn_search(struct ph_ldap_conn *conn,
		    const struct ph_ldap_query *query, int64_t deadline,
		    GPtrArray *entries, struct ph_err *err)
{
	struct berval cookie = {0, NULL};
	int r;

	do
		r = read_page(conn, query, &cookie, deadline, entries, err);
	while (r == 0 && cookie.bv_len > 0);
	ber_memfree(cookie.bv_val);
	return r;
}

int
ph_ldap_conn_pages(struct ph_ldap_conn *conn, const struct ph_ldap_query *query,
		   int64_t page_timeout, ph_ldap_page *page, void *arg,
		   struct ph_err *err)
{
	g_autoptr(GPtrArray) entries =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);
	struct berval cookie = {0, NULL};
	int r;

	do {
		r = read_page(conn, query, &cookie,
			      ph_clock_mono() + page_timeout, entries, err);
		if (r == 0)
			r = page(entries, arg, err);
		g_ptr_array_set_size(entries, 0);
	} while (r == 0 && cookie.bv_len > 0);
	ber_memfree(cookie.bv_val);
	return r;
}
