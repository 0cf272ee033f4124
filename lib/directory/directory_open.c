#include "lib/directory/directory_ldap.h"
#include "lib/directory/file.h"

#include <string.h>

/* Its writer is a feeder's. */
static int
open_file(const struct ph_conf *conf, bool writer,
	  struct ph_directory **directory_r, struct ph_err *err)
{
	struct ph_dirfile *file =
	    ph_dirfile_new(ph_conf_text(conf, "directory", "file"),
			   ph_conf_int(conf, "directory", "map_size"), false);
	struct ph_err why = PH_ERR_INIT;
	int r = ph_dirfile_open(file, &why);

	g_assert(!writer);
	if (r < 0 && why.kind == PH_ERR_PERM) {
		ph_dirfile_unref(&file);
		return ph_err_set(err, why.kind, "%s", why.text);
	}
	*directory_r = ph_dirfile_directory(file);
	ph_dirfile_unref(&file);
	return 0;
}

/* In the order of the setting's words. */
static const struct {
	int (*open)(const struct ph_conf *conf, bool writer,
		    struct ph_directory **directory_r, struct ph_err *err);
	bool fed;
} types[] = {
    {open_file, true},
    {ph_directory_ldap_open, false},
};

int
ph_directory_open(const struct ph_conf *conf, struct ph_directory **directory_r,
		  struct ph_err *err)
{
	return types[ph_conf_word(conf, "directory", "type")].open(
	    conf, false, directory_r, err);
}

int
ph_directory_open_writer(const struct ph_conf *conf,
			 struct ph_directory **directory_r, struct ph_err *err)
{
	return types[ph_conf_word(conf, "directory", "type")].open(
	    conf, true, directory_r, err);
}

bool
ph_directory_is_fed(const struct ph_conf *conf)
{
	return types[ph_conf_word(conf, "directory", "type")].fed;
}
