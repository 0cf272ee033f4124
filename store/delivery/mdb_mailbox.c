#include "lib/base/fault.h"
#include "lib/base/text.h"
#include "lib/base/uuid.h"
#include "store/delivery/mdb.h"
#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool
ph_mdb_name_nmid(const char *name, char nmid_r[37])
{
	const char *mark = strstr(name, ",N=");
	char *p;

	if (!mark || strlen(mark + 3) < PH_UUID_TEXT - 1)
		return false;
	g_strlcpy(nmid_r, mark + 3, PH_UUID_TEXT);
	for (p = nmid_r; *p; p++)
		*p = g_ascii_tolower(*p);
	return ph_uuid_valid(nmid_r);
}

/* Remembers what a file name tells, unless it is out of the window. */
static void
note_name(struct ph_mdb *mdb, const char *address, const char *name,
	  int64_t now)
{
	int64_t time = g_ascii_strtoll(name, NULL, 10);
	char nmid[PH_UUID_TEXT];
	struct ph_copy_key key;

	if (time < (now - mdb->window) / 1000 || !ph_mdb_name_nmid(name, nmid))
		return;
	key = ph_copy_key_of(nmid, address);
	if (!ph_duplicates_find(mdb->duplicates, key, now))
		ph_mdb_record(mdb, key, now);
}

/* The entries may have been left in memory alone by whoever died, and what is
 * answered as a duplicate must be on disk: sync them as well. */
static int
look_through(struct ph_mdb *mdb, int mailbox, const char *folder,
	     const char *address, int64_t now, struct ph_err *err)
{
	int fd = ph_path_open(mailbox, folder, false, err);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return -1;
	dir = fsync(fd) < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ph_err_set(err, PH_ERR_TEMP, "cannot read %s of %s: %s", folder,
			   address, g_strerror(errno));
		ph_path_close(&fd);
		return -1;
	}
	/* readdir tells its end from an error by errno alone. */
	while ((errno = 0, entry = readdir(dir)))
		note_name(mdb, address, entry->d_name, now);
	if (errno != 0)
		r = ph_err_set(err, PH_ERR_TEMP, "cannot read %s of %s: %s",
			       folder, address, g_strerror(errno));
	closedir(dir);
	return r;
}

/* Serialised, or one thread's look would take another's message, linked but
 * perhaps not to stay, for one that is there. */
static int
first_delivery(struct ph_mdb *mdb, int mailbox, const char *address,
	       int64_t now, struct ph_err *err)
{
	static const char *const folders[] = {"tmp", "new", "cur"};
	int fd;

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		fd = ph_path_open(mailbox, folders[i], true, err);
		if (fd < 0)
			return -1;
		ph_path_close(&fd);
	}
	if (fsync(mailbox) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "cannot sync %s: %s",
				  address, g_strerror(errno));
	ph_fault(PH_FAULT_MAILBOX_MADE);
	if (!mdb->suspect || !mdb->duplicates)
		return 0;
	if (look_through(mdb, mailbox, "new", address, now, err) < 0 ||
	    look_through(mdb, mailbox, "cur", address, now, err) < 0)
		return -1;
	return ph_duplicates_sync(mdb->duplicates, err);
}

static bool
is_known(struct ph_mdb *mdb, const char *path)
{
	bool known;

	g_mutex_lock(&mdb->mutex);
	known = g_hash_table_contains(mdb->known, path);
	g_mutex_unlock(&mdb->mutex);
	return known;
}

static void
set_known(struct ph_mdb *mdb, const char *path)
{
	g_mutex_lock(&mdb->mutex);
	g_hash_table_add(mdb->known, g_strdup(path));
	g_mutex_unlock(&mdb->mutex);
}

static int
open_new(int mailbox, struct ph_err *err)
{
	int fd;

	if (mailbox < 0)
		return -1;
	fd = ph_path_open(mailbox, "new", false, err);
	ph_path_close(&mailbox);
	return fd;
}

static int
make_mailbox(struct ph_mdb *mdb, const char *const *components,
	     const char *path, const char *address, int64_t now,
	     struct ph_err *err)
{
	int mailbox, r = 0;

	g_mutex_lock(&mdb->first);
	mailbox = ph_path_walk(mdb->dir, components, true, true, err);
	if (mailbox >= 0)
		r = first_delivery(mdb, mailbox, address, now, err);
	if (r < 0)
		ph_path_close(&mailbox);
	else if (mailbox >= 0)
		set_known(mdb, path);
	g_mutex_unlock(&mdb->first);
	return mailbox;
}

int
ph_mdb_mailbox(struct ph_mdb *mdb, const char *address, int64_t now,
	       struct ph_err *err)
{
	g_autofree char *local = NULL, *domain = NULL, *path = NULL;
	g_autofree char *safe_local = NULL, *safe_domain = NULL;
	const char *components[3] = {NULL, NULL, NULL};
	int fd;

	if (!ph_split_address(address, &local, &domain)) {
		errno = EINVAL;
		return ph_err_set(err, PH_ERR_TEMP,
				  "\"%s\" is no address to keep mail for",
				  address);
	}
	components[0] = safe_domain = ph_path_component(domain);
	components[1] = safe_local = ph_path_component(local);
	path = g_build_filename(safe_domain, safe_local, NULL);
	if (is_known(mdb, path)) {
		fd = open_new(
		    ph_path_walk(mdb->dir, components, false, false, err), err);
		/* Somebody removed the mailbox: it starts again. */
		if (fd >= 0 || errno != ENOENT)
			return fd;
	}
	return open_new(make_mailbox(mdb, components, path, address, now, err),
			err);
}
