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

static void
add_address(GPtrArray *addresses, const char *address)
{
	g_autofree char *folded = NULL;

	if (address == NULL || *address == '\0')
		return;
	folded = ph_fold(address);
	for (guint i = 0; i < addresses->len; i++)
		if (strcmp(addresses->pdata[i], folded) == 0)
			return;
	g_ptr_array_add(addresses, g_steal_pointer(&folded));
}

GPtrArray *
ph_entry_addresses(const struct ph_object *entry)
{
	GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
	const char *const *list = ph_object_list(entry, "EmailAddresses");

	add_address(addresses, ph_object_name(entry));
	add_address(addresses, ph_object_text(entry, "PrimarySmtpAddress"));
	for (size_t i = 0; list[i] != NULL; i++)
		add_address(addresses, list[i]);
	return addresses;
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
