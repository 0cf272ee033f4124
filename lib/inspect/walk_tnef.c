#include "lib/inspect/walk_private.h"

#include "lib/extract/rtf_packed.h"

#include <stdio.h>
#include <string.h>
/* Its headers know neither const nor strict prototypes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <ytnef.h>
#pragma GCC diagnostic pop

/* winmail.dat, by libytnef: files, and the text of the message. */

/* In front of data that is an object stands its class. */
#define OBJECT_CLASS 16

static variableLength *
find(MAPIProps *properties, unsigned type, unsigned id)
{
	variableLength *found =
	    MAPIFindProperty(properties, PROP_TAG(type, id));

	return found != MAPI_UNDEFINED && found != NULL &&
		       found->data != NULL && found->size > 0
		   ? found
		   : NULL;
}

static char *
copy_text(const variableLength *value)
{
	return value->data != NULL && value->size > 0
		   ? g_strndup((const char *)value->data, (gsize)value->size)
		   : NULL;
}

/* The longest of its names. */
static char *
file_name(Attachment *attachment)
{
	variableLength *name =
	    find(&attachment->MAPI, PT_STRING8, PR_ATTACH_LONG_FILENAME);

	if (name == NULL)
		name = find(&attachment->MAPI, PT_UNICODE,
			    PR_ATTACH_LONG_FILENAME);
	if (name == NULL && attachment->TransportFilename.size > 0)
		name = &attachment->TransportFilename;
	return copy_text(name != NULL ? name : &attachment->Title);
}

static bool
tell_file(struct ph_walk *walk, struct ph_node *node, Attachment *attachment)
{
	const variableLength *data = &attachment->FileData;
	g_autofree char *name = file_name(attachment);
	struct ph_walk_source source = {.name = name};
	variableLength *object =
	    find(&attachment->MAPI, PT_OBJECT, PR_ATTACH_DATA_OBJ);

	if (object == NULL)
		object = find(&attachment->MAPI, PT_BINARY, PR_ATTACH_DATA_OBJ);
	if (object != NULL && object->size > OBJECT_CLASS) {
		source.data = object->data + OBJECT_CLASS;
		source.size = (size_t)object->size - OBJECT_CLASS;
	} else if (data->data != NULL && data->size > 0) {
		source.data = data->data;
		source.size = (size_t)data->size;
	} else {
		return ph_walk_name(walk, node, name,
				    name != NULL ? strlen(name) : 0, 0,
				    PH_WALKED_DAMAGED, "nothing is in it");
	}
	return ph_walk_pay(walk, node, source.size) &&
	       ph_walk_child(walk, node, &source);
}

static bool
tell_rtf(struct ph_walk *walk, struct ph_node *node, TNEFStruct *tnef)
{
	const variableLength *packed =
	    find(&tnef->MapiProperties, PT_BINARY, PR_RTF_COMPRESSED);
	g_autoptr(GBytes) rtf = NULL;
	struct ph_walk_source source = {.name = "message.rtf",
					.declared = "text/rtf"};
	size_t size;

	if (packed == NULL)
		return true;
	if (ph_rtf_packed_size(packed->data, (size_t)packed->size, &size)) {
		if (!ph_walk_pay(walk, node, size))
			return false;
		rtf = ph_rtf_unpack(packed->data, (size_t)packed->size);
	}
	if (rtf == NULL) {
		ph_node_flag(node, PH_WALKED_DAMAGED, "damaged");
		return true;
	}
	source.data = g_bytes_get_data(rtf, &source.size);
	return ph_walk_child(walk, node, &source);
}

static void
keep_text(struct ph_walk *walk, struct ph_node *node, const TNEFStruct *tnef)
{
	g_autofree char *text = copy_text(&tnef->body);
	g_autofree char *valid = NULL;

	if (text == NULL)
		return;
	valid = g_utf8_make_valid(text, -1);
	ph_walk_text(walk, node, valid, strlen(valid));
}

void
ph_walk_tnef(struct ph_walk *walk, struct ph_node *node)
{
	g_autofree BYTE *copy = NULL;
	/* It leaves out what it prints by. */
	TNEFStruct tnef = {.Debug = 0};

	if (node->size > G_MAXINT) {
		ph_node_flag(node, PH_WALKED_LIMIT, "too large");
		return;
	}
	/* It takes what is not const. */
	copy = g_memdup2(node->data, node->size);
	TNEFInitialize(&tnef);
	if (TNEFParseMemory(copy, (long)node->size, &tnef) < 0)
		ph_node_flag(node, PH_WALKED_DAMAGED, "damaged");
	keep_text(walk, node, &tnef);
	if (tell_rtf(walk, node, &tnef))
		for (Attachment *a = tnef.starting_attach.next; a != NULL;
		     a = a->next)
			if (!tell_file(walk, node, a))
				break;
	TNEFFree(&tnef);
}
