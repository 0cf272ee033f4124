#include "lib/state/filter.h"
#include "tests/unit/lib/state/objects.h"

/* ---- who is meant ------------------------------------------------------- */

#define MAILBOX "RecipientType=UserMailbox", "Database=DB1"

static const struct {
	char letter;
	const char *name;
	const char *fields[12];
} people[] = {
    {'a',
     "ann@t.org",
     {MAILBOX, "Department=Sales", "Company=X", "Title=Boss",
      "EmailAddresses=a@t.org,chief@t.org", "MaxReceiveSize=10MB"}},
    {'b',
     "bob@t.org",
     {MAILBOX, "Department=sales north", "Company=Y", "Manager=ann@t.org",
      "HiddenFromAddressListsEnabled=true", "employeeType=intern",
      "UserLogonName=b.smith@corp.local\nbsmith"}},
    {'c',
     "cy@t.org",
     {"RecipientType=MailContact", "ExternalEmailAddress=cy@far.org",
      "DisplayName=Cyrus O'Neill", "State=\xc3\x89vora"}},
    {'g',
     "all@t.org",
     {"RecipientType=MailGroup", "Members=ann@t.org", "Department=Sales"}},
    {'d',
     "dyn@t.org",
     {"RecipientType=DynamicDistributionGroup", "Alias=dynamic"}},
    {'r', "room@t.org", {MAILBOX, "RecipientTypeDetails=RoomMailbox"}},
};

static struct ph_object *
person(size_t i)
{
	return good("recipient", people[i].name, people[i].fields);
}

static bool
is_member(const char *group, const struct ph_object *entry, void *arg)
{
	(void)arg;
	return strcmp(group, "team@t.org") == 0 &&
	       g_str_has_prefix(ph_object_name(entry), "b");
}

/* Letters of who matches; or the error. */
static const char *
who(const struct ph_filter *filter)
{
	g_autoptr(GString) letters = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(people); i++) {
		struct ph_object *entry = person(i);

		if (ph_filter_match(filter, entry, is_member, NULL))
			g_string_append_c(letters, people[i].letter);
		ph_object_unref(&entry);
	}
	return g_intern_string(letters->str);
}

static const char *
ask(const char *text)
{
	struct ph_filter *filter = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *answer;

	if (ph_filter_parse(text, &filter, &err) < 0) {
		ck_assert_ptr_null(filter);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		return g_intern_string(err.text);
	}
	answer = ph_filter_obstacle(filter) != NULL
		     ? g_intern_string(ph_filter_obstacle(filter))
		     : who(filter);
	ph_filter_free(&filter);
	return answer;
}

static const struct {
	const char *filter, *who;
} opath[] = {
    {"Department -eq 'Sales'", "ag"},
    {"(Department -eq \"SALES\")", "ag"},
    {"department -EQ Sales", "ag"},
    {"Department -ne 'Sales'", "bcdr"},
    {"Department -eq $null", "cdr"},
    {"Department -ne $null", "abg"},
    {"Department -eq ''", "cdr"},
    {"Department -like 'Sales*'", "abg"},
    {"Department -like '*north'", "b"},
    {"Department -like '*ale*'", "abg"},
    {"Department -like 'S*th'", "b"},
    {"Department -like 'Sales'", "ag"},
    {"Department -like 'sales`*'", ""},
    {"Department -like '*'", "abg"},
    {"Department -notlike 'Sales*'", "cdr"},
    {"Department -eq 'Sales*'", ""},
    {"Department -gt 'sales'", "b"},
    {"Department -ge 'sales'", "abg"},
    {"Department -lt 'sales north'", "ag"},
    {"Department -le 'sales'", "ag"},
    {"((RecipientType -eq 'UserMailbox') -and (Department -like 'Sales*') "
     "-and -not(Company -eq 'X'))",
     "b"},
    {"Company -eq 'X' -or Company -eq 'Y' -or State -eq '\xc3\xa9VORA'", "abc"},
    {"!(Company -eq 'X') -and RecipientType -eq 'UserMailbox'", "br"},
    {"-not -not (Company -eq 'X')", "a"},
    {"RecipientType -like 'Mail*'", "cg"},
    {"RecipientType -eq 'MailUniversalDistributionGroup'", "g"},
    {"RecipientType -eq 'PublicFolder'", ""},
    {"RecipientTypeDetails -eq 'RoomMailbox'", "r"},
    {"RecipientTypeDetails -eq 'UserMailbox'", "ab"},
    {"ObjectClass -eq 'user'", "abr"},
    {"ObjectCategory -eq 'group'", "g"},
    {"Name -like 'Cyrus O''N*'", "c"},
    {"Name -eq \"Cyrus O'Neill\"", "c"},
    {"Name -notlike 'SystemMailbox{*'", "abcgdr"},
    {"Alias -ne $null", "abcgdr"},
    {"Alias -eq 'dynamic' -or Alias -eq 'bob'", "bd"},
    {"Alias -eq 'dyn'", ""},
    {"EmailAddresses -like 'smtp:chief@*'", "a"},
    {"EmailAddresses -eq 'bob@t.org'", "b"},
    {"PrimarySmtpAddress -like 'a@*'", "a"},
    {"UserPrincipalName -eq 'B.Smith@corp.local'", "b"},
    {"SamAccountName -eq 'bsmith'", "b"},
    {"UserLogonName -eq 'smith'", ""},
    {"Manager -eq 'ANN@t.org'", "b"},
    {"Members -eq 'ann@t.org'", "g"},
    {"MemberOfGroup -eq 'Team@t.org'", "b"},
    {"StateOrProvince -eq '\xc3\x89vora'", "c"},
    {"HiddenFromAddressListsEnabled -eq $true", "b"},
    {"HiddenFromAddressListsEnabled -eq 'False'", "acgdr"},
    {"HiddenFromAddressListsEnabled -ne $true", "acgdr"},
    {"HiddenFromAddressListsEnabled -eq $null", "acgdr"},
    {"MaxReceiveSize -le 10MB", "a"},
    {"MaxReceiveSize -lt 10MB", ""},
    {"MaxReceiveSize -eq unlimited", "bcgdr"},
    {"MaxReceiveSize -ne '10240 KB'", "bcgdr"},
    {"Database -eq 'db1'", "abr"},
};

START_TEST(test_opath)
{
	for (size_t i = 0; i < G_N_ELEMENTS(opath); i++)
		ck_assert_msg(strcmp(ask(opath[i].filter), opath[i].who) == 0,
			      "%s: %s, not %s", opath[i].filter,
			      ask(opath[i].filter), opath[i].who);
}
END_TEST

START_TEST(test_ldap)
{
	static const struct {
		const char *filter, *who;
	} rows[] = {
	    {"(department=Sales)", "ag"},
	    {"(&(objectClass=user)(department=sales*))", "ab"},
	    {"(|(department=*north)(company=X))", "ab"},
	    {"(!(department=*))", "cdr"},
	    {" ( & (department=*) (!(company=*)) ) ", "g"},
	    {"(department=*l*s*n*h)", "b"},
	    {"(department=sales\\20north)", "b"},
	    {"(department=Sales\\2a)", ""},
	    {"(department=`*)", ""},
	    {"(st=\\c3\\89vora)", "c"},
	    {"(st=\xc3\xa9vora)", "c"},
	    {"(department>=sales)", "abg"},
	    {"(department<=sales)", "ag"},
	    {"(department~=SALES)", "ag"},
	    {"(proxyAddresses=smtp:chief@*)", "a"},
	    {"(proxyAddresses=SMTP:a@t.org)", "a"},
	    {"(mail=bob@t.org)", "b"},
	    {"(objectCategory=person)", "abcr"},
	    {"(msExchHideFromAddressLists=TRUE)", "b"},
	    {"(employeeType=INTERN)", "b"},
	    {"(employeeType=*)", "b"},
	    {"(homeMDB=*)", "abr"},
	    {"(manager=*)", "b"},
	    {"(&)", "abcgdr"},
	    {"(|)", ""},
	    {"(cn=Cyrus*)", "c"},
	    /* As Exchange 2019 writes one. */
	    {"(&(mailNickname=*)(|(&(objectCategory=person)(objectClass=user)"
	     "(!(homeMDB=*))(!(msExchHomeServerName=*)))(&(objectCategory="
	     "person)(objectClass=user)(|(homeMDB=*)(msExchHomeServerName=*)))"
	     "(objectCategory=group))(!(cn=SystemMailbox{*))(department=sales"
	     "))",
	     "ag"},
	    {"(manager=CN=Ann,DC=t,DC=org)",
	     "\"manager\" compares with a distinguished name"},
	    {"(memberOf=CN=All,DC=t,DC=org)",
	     "\"memberOf\" asks for an attribute that entries do not have"},
	    {"(!(msExchRecipientTypeDetails=1))",
	     "\"msExchRecipientTypeDetails\" asks for an attribute that "
	     "entries do not have"},
	    {"(memberOf:1.2.840.113556.1.4.1941:=CN=All,DC=t)",
	     "\"memberOf\" asks for a matching rule"},
	    {"(:caseExactMatch:=x)", "\"\" asks for a matching rule"},
	    {"(msExchHideFromAddressLists=maybe)",
	     "\"msExchHideFromAddressLists\" compares with what it cannot be"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(strcmp(ask(rows[i].filter), rows[i].who) == 0,
			      "%s: %s, not %s", rows[i].filter,
			      ask(rows[i].filter), rows[i].who);
}
END_TEST

START_TEST(test_malformed)
{
	static const struct {
		const char *filter, *text;
	} rows[] = {
	    {"", "character 1: found the end of the filter; expected a "
		 "property"},
	    {"x",
	     "character 1: \"x\" is no property of a recipient; expected "},
	    {"Departmant -eq 'x'",
	     "character 1: \"Departmant\" is no property of a recipient; "
	     "expected Department"},
	    {"Department", "character 11: found the end of the filter; "
			   "expected -eq, -ne, "},
	    {"Department = 'x'", "character 12: found \"= 'x'\"; expected -eq"},
	    {"Department -eq", "character 15: found the end of the filter; "
			       "expected a value"},
	    {"Department -eq 'x", "character 16: the quotes are not closed; "
				  "expected '"},
	    {"Department -eq \"x'", "character 16: the quotes are not closed; "
				    "expected \""},
	    {"Department -eq 'x' 'y'",
	     "character 20: found \"'y'\"; expected -and, -or or the end"},
	    {"(Department -eq 'x'", "character 20: found the end of the "
				    "filter; expected \")\", -and or -or"},
	    {"Department -eq 'x')", "character 19: found \")\"; expected -and"},
	    {"Title -eq '\xc3\xa9\xc3\xa9' -and Foo -eq 'x'",
	     "character 21: \"Foo\" is no property"},
	    {"Department -eq $maybe", "character 16: found \"$maybe\"; "
				      "expected $true, $false or $null"},
	    {"Department -like $null", "character 18: Department: $null is "},
	    {"Title -eq 'a' -and Title -eq 'b' -or Title -eq 'c'",
	     "character 37: -and and -or side by side; expected parentheses"},
	    {"Title -eq 'a' -or Title -eq 'b' -and Title -eq 'c'",
	     "character 37: -and and -or side by side"},
	    {"Title -eq 'a' -and", "character 19: found the end"},
	    {"RecipientType -eq 'UserMailBoxes'",
	     "character 19: RecipientType: \"UserMailBoxes\" is no "
	     "RecipientType; expected UserMailbox"},
	    {"HiddenFromAddressListsEnabled -eq 'maybe'",
	     "character 35: HiddenFromAddressListsEnabled: \"maybe\" is not "
	     "a yes or no"},
	    {"MaxReceiveSize -gt 'big'", "character 20: MaxReceiveSize: "
					 "\"big\" is not a size"},
	    {"Manager -eq 'Ann'",
	     "character 13: Manager: \"Ann\" is not an address"},
	    {"MemberOfGroup -eq 'CN=All'",
	     "character 19: MemberOfGroup: \"CN=All\" is not an address"},
	    {"MemberOfGroup -ne 'a@b'",
	     "character 19: MemberOfGroup: MemberOfGroup cannot be compared "
	     "so; expected -eq"},
	    {"(department=x", "character 14: found the end of the filter; "
			      "expected \")\""},
	    {"(department=x)y", "character 15: found \"y\"; expected the end"},
	    {"(&(department=x)", "character 17: found the end"},
	    {"(!)", "character 3: found \")\"; expected a property"},
	    {"(department=a\\4)", "character 15: found \"4)\"; expected two "
				  "hexadecimal digits"},
	    {"(department=a\\00b)", "character 15: found \"00b)\"; expected"},
	    {"(department=a\\ff)", "character 13: the value is not UTF-8"},
	    {"(department=a(b)", "character 14: found \"(b)\"; expected"},
	    {"(&(=x))", "character 4: found \"=x))\"; expected an attribute"},
	    {"(&(a=b)(c))", "character 10: found \"))\"; expected =, ~="},
	    {"(&&)", "character 3: found \"&)\"; expected \")\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(
		    g_str_has_prefix(ask(rows[i].filter), rows[i].text),
		    "%s: %s, not %s", rows[i].filter, ask(rows[i].filter),
		    rows[i].text);
}
END_TEST

static char *
repeat(const char *before, const char *middle, const char *after, size_t n)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < n; i++)
		g_string_append(out, before);
	g_string_append(out, middle);
	for (size_t i = 0; i < n; i++)
		g_string_append(out, after);
	return g_string_free(out, FALSE);
}

START_TEST(test_limits)
{
	g_autofree char *deep = repeat("(", "Title -eq 'x'", ")", 99);
	g_autofree char *deeper = repeat("(", "Title -eq 'x'", ")", 100);
	g_autofree char *nots = repeat("-not ", "Title -eq 'x'", "", 100);
	g_autofree char *ldap = repeat("(!", "(title=x)", ")", 99);
	g_autofree char *ldap_deeper = repeat("(!", "(title=x)", ")", 100);
	g_autofree char *many =
	    repeat("Title -eq 'x' -or ", "Title -eq 'x'", "", 1000);
	g_autofree char *listed = repeat("", "(|", "(title=x)", 1001);
	g_autofree char *closed = g_strconcat(listed, ")", NULL);
	g_autofree char *long_one = repeat("x", "", "", PH_FILTER_LIMIT + 1);

	ck_assert_str_eq(ask(deep), "");
	ck_assert(g_str_has_prefix(ask(deeper), "character 101: more than 100 "
						"levels"));
	ck_assert_ptr_nonnull(strstr(ask(nots), "more than 100 levels"));
	ck_assert_str_eq(ask(ldap), "abcgdr");
	ck_assert_ptr_nonnull(strstr(ask(ldap_deeper), "more than 100 levels"));
	ck_assert_ptr_nonnull(strstr(ask(many), "more than 1000 comparisons"));
	ck_assert_ptr_nonnull(strstr(ask(closed), "more than 1000 "));
	ck_assert_str_eq(ask(long_one),
			 "is longer than 65536 bytes; expected a filter");
	ck_assert_str_eq(ask("Title -eq '\xff'"),
			 "is not UTF-8; expected a filter");
}
END_TEST

START_TEST(test_groups)
{
	static const struct {
		const char *filter;
		bool groups, ldap;
	} rows[] = {
	    {"Department -eq 'Sales'", false, false},
	    {"RecipientType -eq 'UserMailbox'", false, false},
	    {"RecipientType -ne 'MailUniversalSecurityGroup'", false, false},
	    {"RecipientType -eq 'MailUniversalSecurityGroup'", true, false},
	    {"RecipientType -like '*Group'", true, false},
	    {"ObjectClass -eq 'group'", true, false},
	    {"(objectCategory=group)", true, true},
	    {"(objectClass=msExchDynamicDistributionList)", true, true},
	    {"(department=group)", false, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_filter *filter = NULL;

		ck_assert_int_eq(ph_filter_parse(rows[i].filter, &filter, NULL),
				 0);
		ck_assert_msg(ph_filter_names_groups(filter) == rows[i].groups,
			      "%s", rows[i].filter);
		ck_assert_msg(ph_filter_is_ldap(filter) == rows[i].ldap, "%s",
			      rows[i].filter);
		ph_filter_free(&filter);
	}
}
END_TEST

START_TEST(test_links)
{
	static const struct {
		const char *filter;
		bool links;
	} rows[] = {
	    {"Department -eq 'Sales'", false},
	    {"EmailAddresses -like 'a*' -or PrimarySmtpAddress -eq 'a@b'",
	     false},
	    {"MemberOfGroup -eq 'team@t.org'", false},
	    {"-not(Manager -eq 'ann@t.org')", true},
	    {"Title -eq 'x' -and Members -eq 'ann@t.org'", true},
	    {"(manager=*)", true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_filter *filter = NULL;

		ck_assert_int_eq(ph_filter_parse(rows[i].filter, &filter, NULL),
				 0);
		ck_assert_msg(ph_filter_has_links(filter) == rows[i].links,
			      "%s", rows[i].filter);
		ph_filter_free(&filter);
	}
}
END_TEST

/* ---- printed and read again --------------------------------------------- */

static void
append_random(GString *out, GRand *random, int depth)
{
	static const char *const tests[] = {
	    "Department -eq 'It''s'",
	    "Title -like '`**`'",
	    "Company -ne $null",
	    "Alias -eq \"a 'b'\"",
	    "EmailAddresses -like 'smtp:*'",
	    "MaxReceiveSize -ge 10MB",
	    "HiddenFromAddressListsEnabled -eq $true",
	    "MemberOfGroup -eq 'team@t.org'",
	    "recipienttype -eq 'usermailbox'",
	    "Phone -notlike '*\xc3\xa9'",
	    "Notes -lt ')-and('",
	    "Fax -eq ''"};
	const int kind = depth > 4 ? 0 : g_rand_int_range(random, 0, 4);
	const int n = kind > 1 ? g_rand_int_range(random, 2, 4) : 1;

	if (kind == 0) {
		g_string_append(
		    out,
		    tests[g_rand_int_range(random, 0, G_N_ELEMENTS(tests))]);
		return;
	}
	g_string_append(out, kind == 1 ? "-not(" : "(");
	for (int i = 0; i < n; i++) {
		if (i > 0)
			g_string_append(out, kind == 2 ? " -and " : " -or ");
		append_random(out, random, depth + 1);
	}
	g_string_append_c(out, ')');
}

START_TEST(test_printed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(1);

	for (unsigned i = 0; i < 500; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autofree char *once = NULL, *twice = NULL;
		struct ph_filter *filter = NULL, *again = NULL;
		struct ph_err err = PH_ERR_INIT;

		append_random(text, random, 0);
		ck_assert_msg(ph_filter_parse(text->str, &filter, &err) == 0,
			      "%s: %s", text->str, err.text);
		once = ph_filter_format(filter);
		ck_assert_msg(ph_filter_parse(once, &again, &err) == 0,
			      "%s: %s", once, err.text);
		twice = ph_filter_format(again);
		ck_assert_str_eq(once, twice);
		ck_assert_str_eq(who(filter), who(again));
		ph_filter_free(&filter);
		ph_filter_free(&again);
	}
}
END_TEST

/* For the sanitizers: texts that are cut, and with bytes of others. */
START_TEST(test_mutated)
{
	static const char alphabet[] = "()&|!=<>~:*\\'\"`$- aX0\xc3\xa9";
	g_autoptr(GRand) random = g_rand_new_with_seed(2);
	unsigned good_ones = 0;

	for (unsigned i = 0; i < 20000; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		struct ph_filter *filter = NULL;
		struct ph_err err = PH_ERR_INIT;
		int n = g_rand_int_range(random, 1, 4);

		if (g_rand_boolean(random))
			append_random(text, random, 2);
		else
			g_string_append(text, "(&(a=b*c)(|(d>=\\c3\\a9)"
					      "(!(objectClass:x:=y))))");
		while (n-- > 0 && text->len > 0)
			text->str[g_rand_int_range(random, 0,
						   (gint)text->len)] =
			    alphabet[g_rand_int_range(random, 0,
						      sizeof alphabet - 1)];
		if (ph_filter_parse(text->str, &filter, &err) == 0) {
			good_ones++;
			if (ph_filter_obstacle(filter) == NULL)
				(void)who(filter);
		} else {
			ck_assert_str_ne(err.text, "");
			ck_assert_ptr_null(filter);
		}
		ph_filter_free(&filter);
	}
	ck_assert_uint_gt(good_ones, 100);
}
END_TEST

/* ---- of a group --------------------------------------------------------- */

#define DYNAMIC "RecipientType=DynamicDistributionGroup"

static const char *
of_group(const char *const *fields)
{
	struct ph_object *group = good("recipient", "d@t.org", fields);
	struct ph_filter *filter = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *answer;

	if (ph_filter_of_group(group, &filter, &err) < 0)
		answer = g_intern_string(err.text);
	else
		answer = who(filter);
	ph_filter_free(&filter);
	ph_object_unref(&group);
	return answer;
}

START_TEST(test_of_group)
{
	ck_assert_str_eq(
	    of_group(FIELDS(DYNAMIC, "RecipientFilter=Company -eq 'x'")), "a");
	ck_assert_str_eq(of_group(FIELDS(DYNAMIC)),
			 "group <d@t.org> is dynamic, and has no "
			 "RecipientFilter");
	ck_assert_str_eq(
	    of_group(FIELDS(DYNAMIC, "IncludedRecipients=AllRecipients")),
	    "abcgdr");
	ck_assert_str_eq(
	    of_group(FIELDS(DYNAMIC, "IncludedRecipients=MailboxUsers")), "ab");
	ck_assert_str_eq(
	    of_group(
		FIELDS(DYNAMIC, "IncludedRecipients=Resources,MailContacts")),
	    "cr");
	ck_assert_str_eq(
	    of_group(FIELDS(DYNAMIC, "IncludedRecipients=MailGroups")), "gd");
	ck_assert_str_eq(
	    of_group(FIELDS(DYNAMIC, "IncludedRecipients=AllRecipients",
			    "ConditionalDepartment=Sales,Sales North",
			    "ConditionalCompany=y,it's")),
	    "b");
	bad("recipient", "d@t.org",
	    FIELDS(DYNAMIC, "ConditionalDepartment=Sales"),
	    "recipient d@t.org: ConditionalDepartment: needs "
	    "IncludedRecipients");
	bad("recipient", "d@t.org",
	    FIELDS(DYNAMIC, "IncludedRecipients=MailUsers",
		   "RecipientFilter=Title -eq 'x'"),
	    "recipient d@t.org: IncludedRecipients: stands beside "
	    "RecipientFilter");
	bad("recipient", "d@t.org",
	    FIELDS(DYNAMIC, "RecipientFilter=Title -eq 'x"),
	    "recipient d@t.org: RecipientFilter: character 11: the quotes are "
	    "not closed; expected '");
}
END_TEST

UNIT_MAIN("lib/state/filter", test_opath, test_ldap, test_malformed,
	  test_limits, test_groups, test_links, test_printed, test_mutated,
	  test_of_group)
