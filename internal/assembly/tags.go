package assembly

import (
	"context"
	"sync"
)

// Tagged is implemented by the specs of objects whose tags take a call of their own, so that a brief Observe leaves
// them out.
type Tagged interface {
	// WantedTags are the tags of the object, without the owner token.
	WantedTags() map[string]string
}

// TagIndex knows the tags of many objects at once, and may be behind. What it says is a hint: nothing is compared,
// kept or deleted because of it, but the object's own tags are read.
type TagIndex interface {
	// Suspects returns the ARNs of the objects that may have other tags than the wanted ones (by ARN) and the owner's
	// token. There are none if the index cannot be read.
	Suspects(ctx context.Context, owner string, wanted map[string]map[string]string) map[string]bool
}

// suspects reports whether the tags of a recorded object have to be read, by its ARN. It asks the index once for all
// parts, when the first of them is about to be read.
func (e *Engine) suspects(
	ctx context.Context,
	parts map[string]*Part,
	records map[string]Record,
) func(arn string) bool {
	wanted := map[string]map[string]string{}
	for key, part := range parts {
		rec := records[key]
		if e.Tags == nil || rec.ARN == "" || !rec.Ref(e.Owner).Brief() {
			continue
		}
		want, err := part.Want(upstream(part, records))
		if tagged, ok := want.(Tagged); ok && err == nil {
			wanted[rec.ARN] = tagged.WantedTags()
		}
	}
	answer := sync.OnceValue(func() map[string]bool { return e.Tags.Suspects(ctx, e.Owner, wanted) })
	return func(arn string) bool {
		_, ok := wanted[arn]
		return ok && answer()[arn]
	}
}
