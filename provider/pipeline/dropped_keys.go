package pipeline

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/droppedkeys"
)

// argumentKeys are the keys that each argument can have.
var argumentKeys = sync.OnceValue(func() map[string]*droppedkeys.Type {
	all := map[string]*droppedkeys.Type{}
	for name, a := range definition().Attributes {
		all[name] = keysOf(a.GetType())
	}
	return all
})

func keysOf(t attr.Type) *droppedkeys.Type {
	switch t := t.(type) {
	case attr.TypeWithAttributeTypes:
		keys := map[string]*droppedkeys.Type{}
		for name, of := range t.AttributeTypes() {
			keys[name] = keysOf(of)
		}
		return &droppedkeys.Type{Keys: keys}
	case attr.TypeWithElementType:
		return &droppedkeys.Type{Element: keysOf(t.ElementType())}
	}
	return &droppedkeys.Type{}
}

// blockOf says whether a block can be the one that config comes from: Terraform does not tell its address. What config
// sets, the block sets, and what the block writes down has that value.
func blockOf(config tftypes.Value) func(droppedkeys.Block) bool {
	return func(b droppedkeys.Block) bool {
		var arguments map[string]tftypes.Value
		if config.As(&arguments) != nil {
			return false
		}
		for name, value := range arguments {
			if !value.IsNull() && !b.Arguments[name] {
				return false
			}
			written, isLiteral := b.Literals[name]
			if text, isText := known(value); isLiteral && isText && text != written {
				return false
			}
		}
		return true
	}
}

// known is the text of a string that is known.
func known(value tftypes.Value) (text string, ok bool) {
	if value.IsNull() || !value.IsKnown() || !value.Type().Is(tftypes.String) {
		return "", false
	}
	return text, value.As(&text) == nil
}

// addDroppedKey says which key has no effect, and where it is written.
func addDroppedKey(diags *diag.Diagnostics, key droppedkeys.Key) {
	detail := fmt.Sprintf("%s:%d: %s has no key %q, and Terraform would drop it without a word.",
		key.File, key.Line, key.In, key.Name)
	if meant := argument.Nearest(key.Name, key.Known); meant != "" {
		detail += fmt.Sprintf(" Did you mean %q?", meant)
	}
	detail += " There are " + strings.Join(key.Known, ", ") + "."
	diags.AddAttributeError(path.Root(key.Argument), "Key without effect", detail)
}
