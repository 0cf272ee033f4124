#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/scan.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/resolve.h"

#include <string.h>

void
ph_identity_free(void *data)
{
	struct ph_identity *identity = data;

	ph_object_unref(&identity->entry);
	g_ptr_array_unref(identity->addresses);
	g_free(identity);
}

static void
add_addresses(struct ph_identity *identity)
{
	g_autoptr(GPtrArray) owned = ph_entry_addresses(identity->entry);

	for (guint i = 0; i < owned->len; i++)
		if (strcmp(owned->pdata[i], identity->addresses->pdata[0]) != 0)
			g_ptr_array_add(identity->addresses,
					g_strdup(owned->pdata[i]));
}

/* As it is resolved: local+text@domain may be local@domain. */
static int
find_entry(const struct ph_mail *mail, const char *address,
	   struct ph_object **entry_r, struct ph_err *err)
{
	struct ph_resolution resolution;

	if (ph_resolve(mail->directory, mail->snapshot, address, &resolution,
		       err) < 0)
		return ph_err_wrap(err, "<%s>", address);
	*entry_r = g_steal_pointer(&resolution.entry);
	ph_resolution_clear(&resolution);
	return 0;
}

int
ph_identity_find(struct ph_evaluation *e, const char *address,
		 const struct ph_identity **identity_r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(address);
	struct ph_identity *identity =
	    g_hash_table_lookup(e->identities, folded);
	struct ph_object *entry = NULL;

	if (identity == NULL) {
		if (find_entry(e->mail, folded, &entry, err) < 0)
			return -1;
		identity = g_new0(struct ph_identity, 1);
		identity->entry = entry;
		identity->addresses = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(identity->addresses, g_strdup(folded));
		if (entry != NULL)
			add_addresses(identity);
		g_hash_table_insert(e->identities, g_steal_pointer(&folded),
				    identity);
	}
	*identity_r = identity;
	return 0;
}

const char *
ph_identity_sender(struct ph_evaluation *e)
{
	static const char *const names[] = {"From", "Sender"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const GPtrArray *addresses = ph_scan_addresses(e, names[i]);

		if (addresses->len > 0)
			return addresses->pdata[0];
	}
	return e->mail->sender;
}

int
ph_identity_sender_entry(struct ph_evaluation *e,
			 const struct ph_object **entry_r, struct ph_err *err)
{
	const char *sender = ph_identity_sender(e);
	const struct ph_identity *identity;

	*entry_r = NULL;
	if (*sender == '\0')
		return 0;
	if (ph_identity_find(e, sender, &identity, err) < 0)
		return ph_err_wrap(err, "sender");
	*entry_r = identity->entry;
	return identity->entry != NULL;
}
