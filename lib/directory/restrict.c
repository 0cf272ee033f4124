#include "lib/directory/restrict.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/members.h"
#include "lib/directory/send_as.h"
#include "lib/directory/texts.h"

#include <string.h>

void
ph_restrict_clear(struct ph_restrict_sender *sender)
{
	g_clear_pointer(&sender->addresses, g_ptr_array_unref);
}

/* In an address it is a letter like others. */
const char *
ph_login_name(const char *login)
{
	const char *backslash = strchr(login, '\\');

	return backslash != NULL && backslash != login &&
		       backslash[1] != '\0' && strchr(login, '@') == NULL
		   ? backslash + 1
		   : login;
}

char *
ph_login_address(const struct ph_snapshot *snapshot, const char *login)
{
	const char *name = ph_login_name(login);
	size_t n;
	const struct ph_object *const *domains =
	    ph_snapshot_list(snapshot, "domain", &n);

	if (strchr(login, '@') == NULL)
		for (size_t i = 0; i < n; i++)
			if (ph_object_bool(domains[i], "Default"))
				return g_strconcat(name, "@",
						   ph_object_name(domains[i]),
						   NULL);
	return g_strdup(name);
}

/* Fields of a recipient that say the same about somebody: by name, and by
 * membership. Names that are no groups have no members. */
struct list {
	const char *direct[2], *groups[2];
};

static const struct list rejected = {
    {"RejectMessagesFrom", "RejectMessagesFromSendersOrMembers"},
    {"RejectMessagesFromDLMembers", "RejectMessagesFromSendersOrMembers"}};
static const struct list accepted = {
    {"AcceptMessagesOnlyFrom", "AcceptMessagesOnlyFromSendersOrMembers"},
    {"AcceptMessagesOnlyFromDLMembers",
     "AcceptMessagesOnlyFromSendersOrMembers"}};

static bool
is_set(const struct ph_object *recipient, const struct list *list)
{
	for (size_t i = 0; i < G_N_ELEMENTS(list->direct); i++)
		if (*ph_object_list(recipient, list->direct[i]) != NULL ||
		    *ph_object_list(recipient, list->groups[i]) != NULL)
			return true;
	return false;
}

/* ---- who is the sender? ------------------------------------------------- */

static bool
is_known(const struct ph_restrict_sender *sender)
{
	return sender->authenticated && sender->address != NULL &&
	       *sender->address != '\0';
}

/* The entry of one whose login is no address. 1, 0, -1. */
static int
find_by_logon(struct ph_directory *directory,
	      const struct ph_restrict_sender *sender,
	      struct ph_object **entry_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (sender->login == NULL || sender->claimed == NULL ||
	    *sender->claimed == '\0')
		return 0;
	r = ph_directory_find(directory, sender->claimed, entry_r, &why);
	if (r < 0)
		return why.kind == PH_ERR_PERM
			   ? 0
			   : ph_err_set(err, why.kind, "%s", why.text);
	if (r == 1 && !ph_entry_has_logon(*entry_r, sender->login))
		ph_object_unref(entry_r);
	return *entry_r != NULL;
}

/* Lists may name the sender under any address. 0 or -1. */
static int
look_up(struct ph_directory *directory, struct ph_restrict_sender *sender,
	struct ph_err *err)
{
	struct ph_object *entry = NULL;
	int r;

	if (sender->addresses != NULL)
		return 0;
	r = ph_directory_find(directory, sender->address, &entry, err);
	if (r == 0)
		r = find_by_logon(directory, sender, &entry, err);
	if (r < 0)
		return ph_err_wrap(err, "sender <%s>", sender->address);
	sender->addresses = entry != NULL
				? ph_entry_addresses(entry)
				: g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(sender->addresses, ph_fold(sender->address));
	ph_object_unref(&entry);
	return 0;
}

static bool
has_text(const GPtrArray *texts, const char *text)
{
	for (guint i = 0; i < texts->len; i++)
		if (strcmp(texts->pdata[i], text) == 0)
			return true;
	return false;
}

/* ---- the lists ---------------------------------------------------------- */

static bool
is_named(const struct ph_object *recipient, const struct list *list,
	 const struct ph_restrict_sender *sender)
{
	for (size_t i = 0; i < G_N_ELEMENTS(list->direct); i++) {
		const char *const *name =
		    ph_object_list(recipient, list->direct[i]);

		for (; *name != NULL; name++) {
			g_autofree char *folded = ph_fold(*name);

			if (has_text(sender->addresses, folded))
				return true;
		}
	}
	return false;
}

/* 1, 0, -1. */
static int
is_member(struct ph_directory *directory, const struct ph_object *recipient,
	  const struct list *list, const struct ph_restrict_sender *sender,
	  struct ph_err *err)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new();
	struct ph_member_search *search;
	int r;

	for (size_t i = 0; i < G_N_ELEMENTS(list->groups); i++) {
		const char *const *name =
		    ph_object_list(recipient, list->groups[i]);

		for (; *name != NULL; name++)
			g_ptr_array_add(groups, (gpointer)*name);
	}
	g_ptr_array_add(groups, NULL);
	search =
	    ph_member_search_new(directory, (const char *const *)groups->pdata);
	r = ph_member_search_has(search, sender->addresses, err);
	ph_member_search_free(search);
	return r;
}

/* 1 allowed, 0 not, -1. */
static int
check_lists(struct ph_directory *directory, const struct ph_object *recipient,
	    struct ph_restrict_sender *sender, struct ph_err *err)
{
	bool restricted = is_set(recipient, &accepted), named;
	int r;

	if (!restricted && !is_set(recipient, &rejected))
		return 1;
	if (!is_known(sender))
		return !restricted;
	if (look_up(directory, sender, err) < 0)
		return -1;
	if (is_named(recipient, &rejected, sender))
		return 0;
	named = is_named(recipient, &accepted, sender);
	r = is_member(directory, recipient, &rejected, sender, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (named || !restricted)
		return 1;
	return is_member(directory, recipient, &accepted, sender, err);
}

/* ---- the whole ---------------------------------------------------------- */

/* Longer ones are no names. */
#define NAME_LIMIT 64

/* As people know it, in ASCII, because a reply is; its address alone where it
 * has no name. g_free. */
static char *
describe(const struct ph_object *recipient)
{
	const char *address = ph_entry_primary(recipient);
	const char *name = ph_object_text(recipient, "DisplayName");
	g_autofree char *plain = ph_to_ascii(name != NULL ? name : "");

	g_strdelimit(plain, "<>\t\r\n", ' ');
	g_strstrip(plain);
	if (*plain == '\0' || strlen(plain) > NAME_LIMIT ||
	    g_ascii_strcasecmp(plain, address) == 0)
		return g_strdup(address);
	return g_strdup_printf("%s <%s>", plain, address);
}

static int
refuse(const char *pattern, const struct ph_object *recipient, char **refusal_r)
{
	g_auto(GStrv) parts = g_strsplit(pattern, "%s", 2);
	g_autofree char *who = describe(recipient);

	*refusal_r = g_strconcat(parts[0], who, parts[1], NULL);
	return 0;
}

int
ph_restrict_check(struct ph_directory *directory,
		  const struct ph_object *recipient,
		  struct ph_restrict_sender *sender, char **refusal_r,
		  struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int64_t limit;
	int r;

	*refusal_r = NULL;
	if (sender->exempt)
		return 1;
	limit = ph_object_int(recipient, "MaxReceiveSize");
	if (sender->size > (uint64_t)limit)
		return refuse(PH_TEXT_SIZE, recipient, refusal_r);
	if (!sender->authenticated &&
	    ph_object_bool(recipient, "RequireSenderAuthenticationEnabled"))
		return refuse(PH_TEXT_AUTH_REQUIRED, recipient, refusal_r);
	r = check_lists(directory, recipient, sender, &why);
	if (r < 0)
		/* A list that cannot be read is no reason to refuse for good,
		 * whatever is wrong with it. */
		return ph_err_set(err, PH_ERR_TEMP, "restrictions of <%s>: %s",
				  ph_entry_primary(recipient), why.text);
	return r == 1 ? 1
		      : refuse(PH_TEXT_NOT_AUTHORIZED, recipient, refusal_r);
}

/* Between the two parts of the pattern; NULL: it is of another one. */
static char *
remove_name(const char *refusal, const char *pattern)
{
	g_auto(GStrv) parts = g_strsplit(pattern, "%s", 2);

	if (!g_str_has_prefix(refusal, parts[0]) ||
	    !g_str_has_suffix(refusal, parts[1]))
		return NULL;
	return g_strconcat(parts[0], "the recipient", parts[1], NULL);
}

char *
ph_restrict_nameless(const char *refusal)
{
	static const char *const patterns[] = {
	    PH_TEXT_SIZE, PH_TEXT_AUTH_REQUIRED, PH_TEXT_NOT_AUTHORIZED};

	for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
		char *text = remove_name(refusal, patterns[i]);

		if (text != NULL)
			return text;
	}
	return g_strdup(refusal);
}
