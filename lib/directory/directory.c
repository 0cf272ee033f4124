#include "lib/directory/directory.h"
#include "lib/base/text.h"
#include "lib/directory/entry.h"

#include <glib.h>
#include <string.h>

struct ph_directory {
	const struct ph_directory_ops *ops;
	void *self;
};

struct ph_directory *
ph_directory_new(const struct ph_directory_ops *ops, void *self)
{
	struct ph_directory *directory = g_new0(struct ph_directory, 1);

	directory->ops = ops;
	directory->self = self;
	return directory;
}

void
ph_directory_close(struct ph_directory **directory)
{
	if (*directory == NULL)
		return;
	(*directory)->ops->close((*directory)->self);
	g_free(*directory);
	*directory = NULL;
}

const char *
ph_directory_name(const struct ph_directory *directory)
{
	return directory->ops->name;
}

int
ph_directory_find(struct ph_directory *directory, const char *address,
		  struct ph_object **entry_r, struct ph_err *err)
{
	struct ph_found found;

	return ph_directory_find_from(directory, address, entry_r, &found, err);
}

int
ph_directory_find_from(struct ph_directory *directory, const char *address,
		       struct ph_object **entry_r, struct ph_found *found_r,
		       struct ph_err *err)
{
	g_autofree char *folded = ph_fold(address);

	*entry_r = NULL;
	*found_r = (struct ph_found){.source = directory->ops->name};
	return directory->ops->find(directory->self, folded, entry_r, found_r,
				    err);
}

bool
ph_directory_brief(struct ph_directory *directory, const char *address,
		   struct ph_brief *brief_r)
{
	char folded[PH_BRIEF_SIZE];
	size_t i;

	if (directory->ops->brief == NULL)
		return false;
	for (i = 0; address[i] != '\0'; i++) {
		if (i == sizeof folded - 1 || (unsigned char)address[i] >= 0x80)
			return false;
		folded[i] = g_ascii_tolower(address[i]);
	}
	folded[i] = '\0';
	return directory->ops->brief(directory->self, folded, brief_r);
}

static void
find_each(struct ph_directory *directory, char *const *folded, size_t n,
	  struct ph_directory_answer *answers)
{
	for (size_t i = 0; i < n; i++) {
		struct ph_directory_answer *answer = &answers[i];

		answer->r = directory->ops->find(directory->self, folded[i],
						 &answer->entry, &answer->found,
						 &answer->err);
	}
}

void
ph_directory_find_many(struct ph_directory *directory,
		       const char *const *addresses, size_t n,
		       struct ph_directory_answer *answers_r)
{
	g_auto(GStrv) folded = g_new0(char *, n + 1);

	g_assert(n <= PH_DIRECTORY_MANY);
	for (size_t i = 0; i < n; i++) {
		folded[i] = ph_fold(addresses[i]);
		answers_r[i] = (struct ph_directory_answer){
		    .found = {.source = directory->ops->name}};
	}
	if (n > 1 && directory->ops->find_many != NULL)
		directory->ops->find_many(
		    directory->self, (const char *const *)folded, n, answers_r);
	else
		find_each(directory, folded, n, answers_r);
}

bool
ph_directory_takes_many(const struct ph_directory *directory)
{
	return directory->ops->find_many != NULL;
}

void
ph_directory_answers_clear(struct ph_directory_answer *answers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&answers[i].entry);
}

static char **
fold_all(const char *const *texts)
{
	GPtrArray *folded = g_ptr_array_new();

	for (; *texts != NULL; texts++)
		g_ptr_array_add(folded, ph_fold(*texts));
	g_ptr_array_add(folded, NULL);
	return (char **)g_ptr_array_free(folded, FALSE);
}

int
ph_directory_excludes(struct ph_directory *directory, const char *const *groups,
		      const char *const *addresses, struct ph_err *err)
{
	g_auto(GStrv) in = fold_all(groups);
	g_auto(GStrv) who = fold_all(addresses);

	if (directory->ops->excludes == NULL)
		return 0;
	return directory->ops->excludes(directory->self,
					(const char *const *)in,
					(const char *const *)who, err);
}

int
ph_directory_walk(struct ph_directory *directory, const struct ph_object *group,
		  ph_directory_each *each, void *arg, struct ph_err *err)
{
	if (directory->ops->walk == NULL)
		return ph_err_set(
		    err, PH_ERR_TEMP,
		    "the directory \"%s\" cannot be walked through",
		    directory->ops->name);
	return directory->ops->walk(directory->self, group, each, arg, err);
}

const char *
ph_entry_primary(const struct ph_object *entry)
{
	const char *primary = ph_object_text(entry, "PrimarySmtpAddress");
	const char *const *addresses;

	if (primary != NULL && *primary != '\0')
		return primary;
	addresses = ph_object_list(entry, "EmailAddresses");
	return addresses[0] != NULL ? addresses[0] : ph_object_name(entry);
}

bool
ph_entry_is_mailbox(const struct ph_object *entry)
{
	const char *type = ph_object_text(entry, "RecipientType");
	const char *database = ph_object_text(entry, "Database");

	return type != NULL && g_ascii_strcasecmp(type, "UserMailbox") == 0 &&
	       database != NULL && *database != '\0';
}

/* More are not compared each with each: a script may give somebody thousands.
 */
#define FEW 16

struct collected {
	GPtrArray *addresses;
	GHashTable *set; /* the same, borrowed; NULL: they are few */
};

static bool
is_collected(struct collected *c, const char *address)
{
	if (c->set != NULL)
		return g_hash_table_contains(c->set, address);
	for (guint i = 0; i < c->addresses->len; i++)
		if (strcmp(c->addresses->pdata[i], address) == 0)
			return true;
	return false;
}

static void
begin_set(struct collected *c)
{
	c->set = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < c->addresses->len; i++)
		g_hash_table_add(c->set, c->addresses->pdata[i]);
}

static void
add_address(struct collected *c, const char *address)
{
	g_autofree char *folded = NULL;

	if (address == NULL || *address == '\0')
		return;
	folded = ph_fold(address);
	if (is_collected(c, folded))
		return;
	if (c->set == NULL && c->addresses->len == FEW)
		begin_set(c);
	if (c->set != NULL)
		g_hash_table_add(c->set, folded);
	g_ptr_array_add(c->addresses, g_steal_pointer(&folded));
}

GPtrArray *
ph_entry_addresses(const struct ph_object *entry)
{
	struct collected c = {g_ptr_array_new_with_free_func(g_free), NULL};
	const char *const *list = ph_object_list(entry, "EmailAddresses");

	add_address(&c, ph_object_name(entry));
	add_address(&c, ph_object_text(entry, "PrimarySmtpAddress"));
	for (size_t i = 0; list[i] != NULL; i++)
		add_address(&c, list[i]);
	g_clear_pointer(&c.set, g_hash_table_unref);
	return c.addresses;
}

int
ph_entry_choose(struct ph_object *const *owners, size_t n, const char *address,
		struct ph_object **entry_r, struct ph_err *err)
{
	if (n == 0)
		return 0;
	if (n == 1) {
		*entry_r = ph_object_ref(owners[0]);
		return 1;
	}
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(ph_object_folded(owners[i]),
				   ph_object_folded(owners[j])) == 0)
				return ph_err_set(
				    err, PH_ERR_TEMP,
				    "recipient:%s and recipient:%s differ in "
				    "case alone",
				    ph_object_name(owners[j]),
				    ph_object_name(owners[i]));
	return ph_err_set(err, PH_ERR_PERM,
			  "%s belongs to both recipient:%s and recipient:%s",
			  address, ph_object_name(owners[0]),
			  ph_object_name(owners[1]));
}
