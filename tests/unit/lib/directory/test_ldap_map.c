#include "lib/base/conf.h"
#include "lib/directory/ldap_map.h"
#include "lib/state/value.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const struct ph_ldap_profile *
profile(const char *name)
{
	const struct ph_ldap_profile *row = ph_ldap_profiles;

	while (row->name != NULL && strcmp(row->name, name) != 0)
		row++;
	ck_assert_ptr_nonnull(row->name);
	return row;
}

/* "dn|attribute=value|attribute=value" */
static struct ph_ldap_entry *
make_entry(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, "|", -1);
	struct ph_ldap_entry *entry = ph_ldap_entry_new(words[0]);

	for (char **word = words + 1; *word != NULL; word++) {
		char *equals = strchr(*word, '=');

		*equals = '\0';
		ph_ldap_entry_add(entry, *word, equals + 1, strlen(equals + 1));
	}
	return entry;
}

static struct ph_object *
parse_with(const struct ph_ldap_map *map, const char *line, struct ph_err *err)
{
	g_autoptr(GHashTable) addresses =
	    g_hash_table_new(g_str_hash, g_str_equal);
	struct ph_ldap_entry *entry = make_entry(line);
	struct ph_object *object = NULL;
	int r;

	g_hash_table_insert(addresses, (gpointer) "cn=boss,dc=test",
			    (gpointer) "boss@test.org");
	g_hash_table_insert(addresses, (gpointer) "cn=ann,dc=test",
			    (gpointer) "ann@test.org");
	r = ph_ldap_map_parse(map, entry, addresses, &object, err);
	ck_assert_int_eq(r, object != NULL ? 0 : -1);
	ph_ldap_entry_free(entry);
	return object;
}

static struct ph_object *
parse(const char *name, const char *line)
{
	const struct ph_ldap_map map = {.profile = profile(name)};
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = parse_with(&map, line, &err);

	ck_assert_msg(object != NULL, "%s: %s", line, err.text);
	return object;
}

static void
expect(struct ph_object *object, const char *field, const char *value)
{
	const char *text = ph_object_text(object, field);

	if (value == NULL)
		ck_assert_msg(!ph_object_has(object, field), "%s: %s", field,
			      text);
	else
		ck_assert_msg(g_strcmp0(text, value) == 0, "%s: %s", field,
			      text != NULL ? text : "NULL");
}

#define USER "cn=x,dc=test|objectClass=top|objectClass=user|homeMDB=CN=DB1,CN=D"
#define ADDRESS "|proxyAddresses=SMTP:X@test.org"

/* Every field of every profile is one of the kind, and each profile can say
 * who somebody is. */
START_TEST(test_tables)
{
	const struct ph_kind *kind = ph_kind_find("recipient");
	const struct ph_setting *setting = ph_settings;
	const char *const *words;

	while (strcmp(setting->section, "directory") != 0 ||
	       strcmp(setting->name, "profile") != 0)
		setting++;
	words = setting->words;
	for (const struct ph_ldap_profile *p = ph_ldap_profiles;
	     p->name != NULL; p++) {
		g_autoptr(GHashTable) seen =
		    g_hash_table_new(g_str_hash, g_str_equal);

		ck_assert_str_eq(p->name, *words++);
		ck_assert_ptr_nonnull(p->owns[0].attribute);
		for (const struct ph_ldap_row *row = p->rows;
		     row->field != NULL; row++) {
			const struct ph_field *field =
			    ph_kind_field(kind, row->field, NULL);

			ck_assert_msg(field != NULL, "%s", row->field);
			ck_assert_str_eq(field->name, row->field);
			ck_assert_msg(
			    g_hash_table_add(seen, (gpointer)row->field),
			    "%s twice", row->field);
			ck_assert_ptr_nonnull(row->attributes[0]);
		}
		ck_assert(g_hash_table_contains(seen, "PrimarySmtpAddress"));
		ck_assert(g_hash_table_contains(seen, "EmailAddresses"));
		ck_assert(g_hash_table_contains(seen, "Members"));
	}
	ck_assert_ptr_null(*words);
}
END_TEST

START_TEST(test_mailbox)
{
	struct ph_object *o =
	    parse("exchange", USER
		  "|proxyAddresses=smtp:y@test.org" ADDRESS
		  "|proxyAddresses=X500:/o=org/cn=x|PROXYADDRESSES=bad one@a"
		  "|displayName=X, the \"first\"|manager=CN=Boss, DC=test"
		  "|altRecipient=cn=ann,dc=test|deliverAndRedirect=TRUE"
		  "|msExchRequireAuthToSendTo=TRUE|delivContLength=10240"
		  "|extensionAttribute15=z|otherTelephone=1|otherTelephone=2"
		  "|c=PT|userPrincipalName=x@ad.test|sAMAccountName=x"
		  "|msExchExpansionServerName=/o=O/cn=Servers/cn=MBX1"
		  "|mDBOverHardQuotaLimit=2048|mDBOverQuotaLimit=1024"
		  "|mDBStorageQuota=512|mDBUseDefaults=FALSE");

	ck_assert_str_eq(ph_object_name(o), "X@test.org");
	expect(o, "RecipientType", "UserMailbox");
	expect(o, "PrimarySmtpAddress", "X@test.org");
	expect(o, "EmailAddresses", "y@test.org,X@test.org");
	expect(o, "Database", "DB1");
	expect(o, "DisplayName", "X, the \"first\"");
	expect(o, "Manager", "boss@test.org");
	expect(o, "ForwardingAddress", "ann@test.org");
	ck_assert(ph_object_bool(o, "DeliverToMailboxAndForward"));
	ck_assert(ph_object_bool(o, "RequireSenderAuthenticationEnabled"));
	ck_assert_int_eq(ph_object_int(o, "MaxReceiveSize"), 10485760);
	ck_assert_int_eq(ph_object_int(o, "ProhibitSendReceiveQuota"), 2097152);
	ck_assert_int_eq(ph_object_int(o, "ProhibitSendQuota"), 1048576);
	ck_assert_int_eq(ph_object_int(o, "IssueWarningQuota"), 524288);
	expect(o, "UseDatabaseQuotaDefaults", "FALSE");
	expect(o, "CustomAttribute15", "z");
	expect(o, "OtherPhoneNumber", "1\n2");
	expect(o, "UserLogonName", "x@ad.test\nx");
	expect(o, "ExpansionServer", "MBX1");
	expect(o, "MaxSendSize", NULL);
	ph_object_unref(&o);
}
END_TEST

/* Only of a contact and a mail user an address says where its mail goes. */
START_TEST(test_types)
{
	static const struct {
		const char *profile, *line, *type, *target;
	} rows[] = {
	    {"exchange", USER ADDRESS, "UserMailbox", NULL},
	    {"exchange", USER ADDRESS "|targetAddress=SMTP:a@b.c",
	     "UserMailbox", NULL},
	    {"exchange",
	     "cn=x|objectClass=user|targetAddress=SMTP:a@b.c" ADDRESS,
	     "MailUser", "a@b.c"},
	    {"exchange",
	     "cn=x|objectClass=contact|targetAddress=SMTP:a@b.c" ADDRESS,
	     "MailContact", "a@b.c"},
	    {"exchange", "cn=x|objectClass=GROUP" ADDRESS,
	     "MailUniversalDistributionGroup", NULL},
	    {"exchange", "cn=x|objectClass=group|groupType=8" ADDRESS,
	     "MailUniversalDistributionGroup", NULL},
	    {"exchange", "cn=x|objectClass=group|groupType=-2147483640" ADDRESS,
	     "MailUniversalSecurityGroup", NULL},
	    {"exchange",
	     "cn=x|objectClass=msExchDynamicDistributionList" ADDRESS,
	     "DynamicDistributionGroup", NULL},
	    {"ad", "cn=x|objectClass=contact|mail=a@b.c", "MailContact",
	     "a@b.c"},
	    {"ad", "cn=x|objectClass=group|mail=a@b.c",
	     "MailUniversalDistributionGroup", NULL},
	    {"openldap", "cn=x|objectClass=groupOfNames|mail=a@b.c",
	     "MailUniversalDistributionGroup", NULL},
	    {"openldap",
	     "cn=x|objectClass=inetOrgPerson|mail=a@b.c|mailRoutingAddress=d@e",
	     "MailUser", "d@e"},
	    {"freeipa", "cn=x|objectClass=ipausergroup|mail=a@b.c",
	     "MailUniversalSecurityGroup", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_object *o = parse(rows[i].profile, rows[i].line);

		ck_assert_msg(strcmp(ph_object_text(o, "RecipientType"),
				     rows[i].type) == 0,
			      "%s: %s", rows[i].line,
			      ph_object_text(o, "RecipientType"));
		expect(o, "ExternalEmailAddress", rows[i].target);
		ph_object_unref(&o);
	}
}
END_TEST

START_TEST(test_no_recipient)
{
	static const char *const rows[] = {
	    "cn=x|objectClass=user" ADDRESS,
	    "cn=x|objectClass=contact" ADDRESS,
	    "cn=x|objectClass=printQueue" ADDRESS,
	    "cn=x" ADDRESS,
	    USER,
	    USER "|proxyAddresses=X500:/o=org",
	    USER "|delivContLength=many" ADDRESS,
	};
	const struct ph_ldap_map map = {.profile = profile("exchange")};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(parse_with(&map, rows[i], &err) == NULL, "%s",
			      rows[i]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert(g_str_has_prefix(err.text, "cn=x"));
	}
}
END_TEST

START_TEST(test_primary)
{
	static const struct {
		const char *profile, *line, *primary;
	} rows[] = {
	    {"exchange", "x|proxyAddresses=smtp:a@b.c|proxyAddresses=SMTP:d@e",
	     "d@e"},
	    {"exchange", "x|proxyAddresses=smtp:a@b.c|mail=f@g", "f@g"},
	    {"exchange", "x|proxyAddresses=smtp:a@b.c", "a@b.c"},
	    {"exchange", "x|proxyAddresses=SIP:a@b.c", NULL},
	    {"ad", "x|mail=a@b.c", "a@b.c"},
	    {"openldap", "x|mail=no address|mail=a@b.c|mail=d@e", "a@b.c"},
	    {"openldap", "x|cn=a@b.c", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_ldap_map map = {.profile =
						    profile(rows[i].profile)};
		struct ph_ldap_entry *entry = make_entry(rows[i].line);
		g_autofree char *primary = ph_ldap_map_primary(&map, entry);

		ck_assert_msg(g_strcmp0(primary, rows[i].primary) == 0,
			      "%s: %s", rows[i].line, primary);
		ph_ldap_entry_free(entry);
	}
}
END_TEST

START_TEST(test_links)
{
	const struct ph_ldap_map map = {.profile = profile("exchange")};
	struct ph_ldap_entry *entry =
	    make_entry("x|member=CN=Ann,DC=test|member=cn=ann,dc=test"
		       "|member=rubbish|manager=cn=boss,dc=test");
	g_autoptr(GHashTable) links =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	ph_ldap_map_links(&map, entry, links);
	ck_assert_uint_eq(g_hash_table_size(links), 2);
	ck_assert(g_hash_table_contains(links, "cn=ann,dc=test"));
	ck_assert(g_hash_table_contains(links, "cn=boss,dc=test"));
	ph_ldap_entry_free(entry);
}
END_TEST

/* Members that are gone are left out; of those who alone may write somebody
 * stays, or all would be let in. */
START_TEST(test_links_that_lead_nowhere)
{
	struct ph_object *o = parse(
	    "exchange", "cn=g|objectClass=group" ADDRESS
			"|member=cn=gone,dc=test|member=cn=ann,dc=test"
			"|authOrig=cn=gone,dc=test|unauthOrig=cn=gone,dc=test"
			"|dLMemSubmitPerms=cn=gone,dc=test"
			"|dLMemSubmitPerms=cn=boss,dc=test");

	expect(o, "Members", "ann@test.org");
	expect(o, "AcceptMessagesOnlyFrom", "nobody@unresolved.invalid");
	expect(o, "AcceptMessagesOnlyFromDLMembers", "boss@test.org");
	expect(o, "RejectMessagesFrom", NULL);
	ph_object_unref(&o);
}
END_TEST

/* Odd values of what rules may look at do not stop mail. */
START_TEST(test_odd_attributes)
{
	struct ph_object *o =
	    parse("exchange", USER ADDRESS "|title=a\001b|l=Porto|c=\xff");

	expect(o, "Title", NULL);
	expect(o, "Country", NULL);
	expect(o, "City", "Porto");
	ph_object_unref(&o);
}
END_TEST

/* An import refuses what a look-up leaves out. */
START_TEST(test_strict)
{
	static const struct {
		const char *more, *text;
	} rows[] = {
	    {"|title=a\001b", "Title: \"a?b\" holds a control character"},
	    {"|msExchDynamicDLFilter=(x", "RecipientFilter: character 2: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_ldap_map map = {.profile = profile("exchange"),
						.strict = true};
		g_autofree char *line =
		    g_strconcat(USER ADDRESS, rows[i].more, NULL);
		struct ph_ldap_entry *entry = make_entry(line);
		g_autoptr(GHashTable) none =
		    g_hash_table_new(g_str_hash, g_str_equal);
		struct ph_object *object = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(
		    ph_ldap_map_parse(&map, entry, none, &object, &err), -1);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s",
			      err.text);
		ph_ldap_entry_free(entry);
		object = parse("exchange", line);
		ck_assert(!ph_object_has(object, "Title"));
		ck_assert(!ph_object_has(object, "RecipientFilter"));
		ph_object_unref(&object);
	}
}
END_TEST

/* A recipient, somebody else, and a mistake. */
START_TEST(test_is_recipient)
{
	static const struct {
		const char *line;
		bool is;
		const char *bad;
	} rows[] = {
	    {"cn=x|objectClass=user" ADDRESS, true, NULL},
	    {"cn=x|objectClass=user|proxyAddresses=X500:/o=x", false, NULL},
	    {"cn=x|objectClass=container" ADDRESS, false, NULL},
	    {"cn=x|objectClass=user|proxyAddresses=smtp:a b" ADDRESS, true,
	     "smtp:a b"},
	    {"cn=x|objectClass=user|proxyAddresses=nobody", false, "nobody"},
	};
	const struct ph_ldap_map map = {.profile = profile("exchange")};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_ldap_entry *entry = make_entry(rows[i].line);
		const char *found = ph_ldap_map_bad_address(&map, entry);

		ck_assert_int_eq(ph_ldap_map_is_recipient(&map, entry),
				 rows[i].is);
		ck_assert_msg(g_strcmp0(found, rows[i].bad) == 0, "%s: %s",
			      rows[i].line, found);
		ph_ldap_entry_free(entry);
	}
}
END_TEST

START_TEST(test_database)
{
	static const char line[] =
	    "cn=x|objectClass=user|objectClass=person|mail=a@b.c"
	    "|homeMDB=cn=DB1,cn=D|l=DB2";
	static const struct {
		const char *profile, *database, *attribute, *wanted;
	} rows[] = {
	    {"exchange", "", "", "DB1"},     {"exchange", "DB3", "", "DB1"},
	    {"exchange", "DB3", "l", "DB2"}, {"exchange", "DB3", "st", "DB3"},
	    {"exchange", "", "st", NULL},    {"ad", "DB3", NULL, "DB3"},
	    {"ad", "", "l", "DB2"},	     {"openldap", NULL, NULL, NULL},
	    {"openldap", "DB3", "l", "DB2"}, {"freeipa", "DB3", "", "DB3"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_ldap_map map = {
		    .profile = profile(rows[i].profile),
		    .database = rows[i].database,
		    .database_attribute = rows[i].attribute};
		struct ph_err err = PH_ERR_INIT;
		struct ph_object *o = parse_with(&map, line, &err);

		ck_assert_msg((o != NULL) == (rows[i].wanted != NULL), "%zu",
			      i);
		if (o != NULL)
			expect(o, "Database", rows[i].wanted);
		ph_object_unref(&o);
	}
}
END_TEST

START_TEST(test_filter)
{
	static const char *const one[] = {"a*(@b.c"}, *const two[] = {"a@b.c",
								      "d@b.c"};
	const struct ph_ldap_map exchange = {.profile = profile("exchange")};
	const struct ph_ldap_map ad = {.profile = profile("ad")};
	g_autofree char *of_one = ph_ldap_map_filter(&exchange, one, 1);
	g_autofree char *of_two = ph_ldap_map_filter(&ad, two, 2);

	ck_assert_str_eq(of_one, "(|(proxyAddresses=smtp:a\\2a\\28@b.c))");
	ck_assert_str_eq(of_two, "(|(proxyAddresses=smtp:a@b.c)(mail=a@b.c)"
				 "(proxyAddresses=smtp:d@b.c)(mail=d@b.c))");
}
END_TEST

/* What the filter above finds, and nothing that only looks like it. */
START_TEST(test_owned)
{
	static const struct {
		const char *profile, *line, *address;
		bool owned;
	} rows[] = {
	    {"exchange", "cn=x|proxyAddresses=SMTP:A@b.c", "a@b.c", true},
	    {"exchange", "cn=x|proxyAddresses=smtp:a@b.c ", "a@b.c", false},
	    {"exchange", "cn=x|proxyAddresses=sip:a@b.c", "a@b.c", false},
	    {"exchange", "cn=x|proxyAddresses=a@b.c", "a@b.c", false},
	    {"exchange", "cn=x|mail=a@b.c", "a@b.c", false},
	    {"ad", "cn=x|mail=a@B.c", "a@b.c", true},
	    {"ad", "cn=x|mail=smtp:a@B.c", "a@b.c", false},
	    {"openldap", "cn=x|mail=d@b.c|mail=a@b.c", "a@b.c", true},
	    {"openldap", "cn=x|mailLocalAddress=a@b.c", "a@b.c", true},
	    {"openldap", "cn=x|uid=a@b.c", "a@b.c", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_ldap_map map = {.profile =
						    profile(rows[i].profile)};
		struct ph_ldap_entry *entry = make_entry(rows[i].line);
		g_autoptr(GHashTable) owned = ph_ldap_map_owned(&map, entry);

		ck_assert_msg(g_hash_table_contains(owned, rows[i].address) ==
				  rows[i].owned,
			      "%s: %s", rows[i].profile, rows[i].line);
		ph_ldap_entry_free(entry);
	}
}
END_TEST

static bool
asks_for(const GPtrArray *attributes, const char *name)
{
	size_t n = 0;

	ck_assert_ptr_null(attributes->pdata[attributes->len - 1]);
	for (guint i = 0; i + 1 < attributes->len; i++)
		n += g_ascii_strcasecmp(attributes->pdata[i], name) == 0;
	ck_assert_uint_le(n, 1);
	return n == 1;
}

START_TEST(test_everybody)
{
	const struct ph_ldap_map exchange = {.profile = profile("exchange")};
	const struct ph_ldap_map openldap = {.profile = profile("openldap")};
	g_autofree char *of_exchange = ph_ldap_map_everybody(&exchange);
	g_autofree char *of_openldap = ph_ldap_map_everybody(&openldap);

	ck_assert_str_eq(of_exchange,
			 "(&(|(proxyAddresses=*))"
			 "(|(&(objectClass=msExchDynamicDistributionList))"
			 "(&(objectClass=group))"
			 "(&(objectClass=contact)(targetAddress=*))"
			 "(&(objectClass=user)(homeMDB=*))"
			 "(&(objectClass=user)(targetAddress=*))"
			 "(&(objectClass=user))))");
	ck_assert_str_eq(of_openldap, "(&(|(mail=*)(mailAlternateAddress=*)"
				      "(mailLocalAddress=*))"
				      "(|(&(objectClass=groupOfNames))"
				      "(&(objectClass=groupOfUniqueNames))"
				      "(&(mailRoutingAddress=*))"
				      "(&(objectClass=*))))");
}
END_TEST

START_TEST(test_attributes)
{
	const struct ph_ldap_map map = {.profile = profile("exchange"),
					.database_attribute = "roomNumber"};
	g_autoptr(GPtrArray) all = ph_ldap_map_attributes(&map, false);
	g_autoptr(GPtrArray) some = ph_ldap_map_attributes(&map, true);

	ck_assert(asks_for(all, "proxyAddresses") && asks_for(all, "member"));
	ck_assert(asks_for(all, "objectClass") && asks_for(all, "roomNumber"));
	ck_assert(asks_for(all, "mail"));
	ck_assert(asks_for(some, "proxyAddresses") && asks_for(some, "mail"));
	ck_assert(!asks_for(some, "member") && some->len == 3);
}
END_TEST

UNIT_MAIN("lib/directory/ldap_map", test_tables, test_mailbox, test_types,
	  test_no_recipient, test_primary, test_links,
	  test_links_that_lead_nowhere, test_odd_attributes, test_strict,
	  test_is_recipient, test_database, test_filter, test_owned,
	  test_everybody, test_attributes)
