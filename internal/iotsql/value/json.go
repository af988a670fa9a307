package value

import (
	"encoding/base64"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// AppendJSON appends v as compact JSON. Undefined appends nothing; binary data become base64 text. [IoT-SQL 6, 7]
func AppendJSON(dst []byte, v Value) []byte {
	switch v.kind {
	case Null:
		return append(dst, "null"...)
	case Bool:
		return strconv.AppendBool(dst, v.n != 0)
	case Int, Decimal:
		return v.appendNumber(dst)
	case String:
		return jsontext.AppendString(dst, v.s)
	case Binary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.s))
		return append(dst, '"')
	case Array:
		dst = append(dst, '[')
		for i, item := range v.Items() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, item)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		m := v.Members()
		for i := range m.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontext.AppendString(dst, m.list[i].key)
			dst = append(dst, ':')
			dst = AppendJSON(dst, m.list[i].value)
		}
		return append(dst, '}')
	}
	return dst
}

// ParseJSON reads one JSON document; ok is false when text is not well-formed or nests deeper than MaxDepth.
func (v Version) ParseJSON(text string) (result Value, ok bool) {
	d := decoder{jsontext.New(text, MaxDepth), v}
	result, err := d.value()
	if err != nil || d.End() != nil {
		return Value{}, false
	}
	return result, true
}

// decoder builds values from JSON text.
type decoder struct {
	jsontext.Reader
	version Version
}

func (d *decoder) value() (Value, error) {
	switch d.Peek() {
	case jsontext.Object:
		return d.object()
	case jsontext.Array:
		return d.array()
	case jsontext.String:
		text, err := d.Text()
		return OfString(text), err
	case jsontext.Bool:
		b, err := d.Bool()
		return OfBool(b), err
	case jsontext.Number:
		text, err := d.NumberText()
		if err != nil {
			return Value{}, err
		}
		return d.version.number(text), nil
	}
	return NullValue, d.Null()
}

func (d *decoder) array() (Value, error) {
	if err := d.Enter('['); err != nil {
		return Value{}, err
	}
	items := []Value{}
	for first := true; ; first = false {
		ok, err := d.Element(first)
		if err != nil || !ok {
			return OfArray(items), err
		}
		item, err := d.value()
		if err != nil {
			return Value{}, err
		}
		if first {
			items = make([]Value, 0, firstMembers)
		}
		if !item.IsUndefined() {
			items = append(items, item)
		}
	}
}

func (d *decoder) object() (Value, error) {
	if err := d.Enter('{'); err != nil {
		return Value{}, err
	}
	m := &Members{}
	for first := true; ; first = false {
		key, ok, err := d.Member(first)
		if err != nil || !ok {
			return OfObject(m), err
		}
		member, err := d.value()
		if err != nil {
			return Value{}, err
		}
		m.Set(key, member)
	}
}

// Size returns roughly how many bytes v takes as JSON. It stops counting above limit, so a value that shares one large
// part many times is not walked in full.
func Size(v Value, limit int) int {
	size := 0
	switch v.kind {
	case String:
		return len(v.s) + 2
	case Binary:
		return len(v.s)*4/3 + 6
	case Array:
		size = 2
		for _, item := range v.Items() {
			if size > limit {
				break
			}
			size += Size(item, limit-size) + 1
		}
	case Object:
		size = 2
		m := v.Members()
		for i := range m.list {
			if size > limit {
				break
			}
			size += len(m.list[i].key) + 4 + Size(m.list[i].value, limit-size)
		}
	case Undefined:
	default:
		if d, ok := v.ref.(*apd.Decimal); ok {
			return int(d.NumDigits()) + 8
		}
		return 8
	}
	return size
}
