#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/uuid.h"
#include "store/delivery/mdb.h"
#include "store/mailbox/folder.h"
#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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
	/* Twice in the record is no harm. */
	if (ph_duplicates_find(mdb->duplicates, key, now, NULL) != 1)
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

/* ---- making ------------------------------------------------------------ */

/* What stands on the way is nobody's own: everybody may pass through it where
 * mailboxes have other owners. */
static const struct ph_perms *
way_of(const struct ph_mdb_layout *layout)
{
	static const struct ph_perms open = {(uid_t)-1, (gid_t)-1, 0600, 0711};

	return ph_perms_rule_is_self(layout->owners) ? &ph_perms_self : &open;
}

static int
fail(const char *what, const char *address, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "cannot %s %s: %s", what, address,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

/* Each entry made durable, also those that were there: another process may
 * have died before it could. */
static int
make_way(struct ph_mdb *mdb, char *const *components,
	 const struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	int parent = mdb->dir, fd = -1;

	for (; *components; components++) {
		fd = ph_path_make(
		    parent, *components,
		    components[1] ? mailbox->way : &mailbox->owner, NULL, err);
		if (fd >= 0 && fsync(parent) < 0) {
			fail("sync the directory of", *components, err);
			ph_path_close(&fd);
		}
		if (parent != mdb->dir)
			ph_path_close(&parent);
		if (fd < 0)
			return -1;
		parent = fd;
	}
	return fd;
}

static int
make_parts(int mailbox, const struct ph_perms *owner, const char *address,
	   struct ph_err *err)
{
	if (ph_folder_make_parts(mailbox, owner, err) < 0)
		return -1;
	if (fsync(mailbox) < 0)
		return fail("sync", address, err);
	ph_fault(PH_FAULT_MAILBOX_MADE);
	return 0;
}

static int
look_at(struct ph_mdb *mdb, int folder, const char *address, int64_t now,
	struct ph_err *err)
{
	if (!mdb->suspect || !mdb->duplicates)
		return 0;
	if (look_through(mdb, folder, "new", address, now, err) < 0 ||
	    look_through(mdb, folder, "cur", address, now, err) < 0)
		return -1;
	return ph_duplicates_sync(mdb->duplicates, err);
}

/* ---- what this process knows ------------------------------------------- */

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

/* ---- the mailbox ------------------------------------------------------- */

/* Serialised, or one thread's look would take another's message, linked but
 * perhaps not to stay, for one that is there. */
static int
make_inbox(struct ph_mdb *mdb, char *const *components, const char *address,
	   int64_t now, struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	int dir, r = -1;

	g_mutex_lock(&mdb->first);
	dir = make_way(mdb, components, mailbox, err);
	if (dir >= 0 && make_parts(dir, &mailbox->owner, address, err) == 0)
		r = look_at(mdb, dir, address, now, err);
	if (r < 0)
		ph_path_close(&dir);
	else
		set_known(mdb, mailbox->path);
	g_mutex_unlock(&mdb->first);
	return dir;
}

static int
open_inbox(struct ph_mdb *mdb, char *const *components,
	   struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	mailbox->dir = ph_path_walk(mdb->dir, (const char *const *)components,
				    false, false, err);
	if (mailbox->dir < 0)
		return -1;
	mailbox->new = ph_path_open(mailbox->dir, "new", false, err);
	if (mailbox->new < 0)
		ph_path_close(&mailbox->dir);
	return mailbox->new < 0 ? -1 : 0;
}

static int
find_inbox(struct ph_mdb *mdb, char *const *components, const char *address,
	   int64_t now, struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	/* Somebody removed the mailbox, or what is in it: it starts again. */
	if (is_known(mdb, mailbox->path) &&
	    (open_inbox(mdb, components, mailbox, err) == 0 || errno != ENOENT))
		return mailbox->dir < 0 ? -1 : 0;
	mailbox->dir = make_inbox(mdb, components, address, now, mailbox, err);
	if (mailbox->dir < 0)
		return -1;
	mailbox->new = ph_path_open(mailbox->dir, "new", false, err);
	return mailbox->new < 0 ? -1 : 0;
}

/* ---- a folder in it ---------------------------------------------------- */

static int
make_folder(struct ph_mdb *mdb, const char *component, const char *path,
	    const struct ph_store_mailbox *wanted, int64_t now,
	    struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	bool made;
	int folder;

	g_mutex_lock(&mdb->first);
	folder = ph_folder_make(mailbox->dir, component, &mailbox->owner, &made,
				err);
	if (folder >= 0 && look_at(mdb, folder, wanted->address, now, err) < 0)
		ph_path_close(&folder);
	else if (folder >= 0)
		set_known(mdb, path);
	g_mutex_unlock(&mdb->first);
	/* A folder that is not shown is still found by who looks for it. */
	if (folder >= 0 && made &&
	    ph_folder_subscribe(mailbox->dir, component, &mailbox->owner,
				&why) < 0)
		ph_warn("database %s: %s: %s", mdb->name, path, why.text);
	return folder;
}

static int
open_folder(struct ph_mdb *mdb, const char *component,
	    const struct ph_store_mailbox *wanted, int64_t now,
	    struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	g_autofree char *path =
	    g_build_filename(mailbox->path, component, NULL);
	int folder = -1, new = -1;

	if (is_known(mdb, path)) {
		folder = ph_path_open(mailbox->dir, component, false, err);
		if (folder >= 0)
			new = ph_path_open(folder, "new", false, err);
		if (new < 0)
			ph_path_close(&folder);
	}
	if (new < 0) {
		folder = make_folder(mdb, component, path, wanted, now, mailbox,
				     err);
		if (folder >= 0)
			new = ph_path_open(folder, "new", false, err);
	}
	g_free(mailbox->path);
	mailbox->path = g_steal_pointer(&path);
	if (new < 0) {
		ph_path_close(&folder);
		return -1;
	}
	ph_path_close(&mailbox->new);
	mailbox->new = new;
	mailbox->folder = folder;
	mailbox->in_folder = true;
	return 0;
}

/* A folder that cannot be there, or is not and must not be made, is the
 * Inbox. */
static int
find_folder(struct ph_mdb *mdb, const struct ph_store_mailbox *wanted,
	    int64_t now, struct ph_mdb_mailbox *mailbox, struct ph_err *err)
{
	g_autofree char *component =
	    wanted->folder ? ph_folder_component(wanted->folder) : NULL;
	g_autofree char *found = NULL;
	int r;

	if (!component || g_ascii_strcasecmp(component, ".INBOX") == 0)
		return 0;
	r = ph_folder_find(mailbox->dir, component, &found, err);
	if (r < 0)
		return -1;
	if (r == 0 && !wanted->make_folder)
		return 0;
	return open_folder(mdb, found ? found : component, wanted, now, mailbox,
			   err);
}

/* ---- both -------------------------------------------------------------- */

int
ph_mdb_mailbox(struct ph_mdb *mdb, const struct ph_mdb_layout *layout,
	       const struct ph_store_mailbox *wanted, int64_t now,
	       struct ph_mdb_mailbox *mailbox_r, struct ph_err *err)
{
	g_auto(GStrv) components = NULL;
	int r;

	*mailbox_r = (struct ph_mdb_mailbox){
	    .dir = -1, .folder = -1, .new = -1, .way = way_of(layout)};
	components =
	    ph_place_expand(layout->place, wanted->address, wanted->entry, err);
	if (!components) {
		errno = EINVAL;
		return -1;
	}
	mailbox_r->path = g_strjoinv("/", components);
	if (ph_perms_of(layout->owners, wanted->entry, &mailbox_r->owner, err) <
	    0)
		return -1;
	r = find_inbox(mdb, components, wanted->address, now, mailbox_r, err);
	if (r == 0)
		r = find_folder(mdb, wanted, now, mailbox_r, err);
	if (r == 0 && mailbox_r->folder < 0)
		mailbox_r->folder = mailbox_r->dir;
	return r;
}

void
ph_mdb_mailbox_close(struct ph_mdb_mailbox *mailbox)
{
	if (mailbox->folder != mailbox->dir)
		ph_path_close(&mailbox->folder);
	ph_path_close(&mailbox->new);
	ph_path_close(&mailbox->dir);
	g_clear_pointer(&mailbox->path, g_free);
}

GMutex *
ph_mdb_quota_mutex(struct ph_mdb *mdb, const struct ph_mdb_mailbox *mailbox)
{
	struct stat st;
	ino_t number = fstat(mailbox->dir, &st) == 0 ? st.st_ino : 0;

	return &mdb->quotas[number % G_N_ELEMENTS(mdb->quotas)];
}
