package funcs

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

const sectionCollections = "14.3"

var collectionFuncs = []*Func{
	{
		Name: "get", Section: sectionCollections, Signature: "get(container, key)", Min: 2, Max: 2, Result: Anything,
		Doc: "The element of an Array or the character of a String at an index, counted from 0, or the member of an " +
			"Object with a name, which has to be a String. Undefined where there is none.",
		Examples: []Example{
			{
				SQL:  "get(['a', 'b', 'c'], 1)",
				Want: `"b"`,
			}, {SQL: "get({'a': 'b'}, 'a')", Want: `"b"`}, {SQL: "get('abc', 0)", Want: `"a"`},
			{
				SQL:  "get(['a'], 1)",
				Want: "Undefined",
			}, {SQL: "get(data, 'my-key')", Payload: `{"data":{"my-key":1}}`, Want: "1"},
		},
		Call: get,
	},
	{
		Name: "get_or_default", Section: sectionCollections, Signature: "get_or_default(expression [, default])",
		V2: true, Min: 1, Max: 2, Result: Anything,
		Doc: "The value of the expression; the default where it is Null or Undefined or where an external function " +
			"in it fails. The default may not call get_secret, get_dynamodb, aws_lambda, get_thing_shadow, " +
			"machinelearning_predict or a protobuf decode.",
		Examples: []Example{
			{SQL: "get_or_default(temperature, -1)", Payload: `{"temperature":null}`, Want: "-1"},
			{SQL: "get_or_default(5, -1)", Want: "5"},
		},
		// The evaluator catches the failure, which an argument that is a value cannot show any more.
		Call: func(_ *Env, args []value.Value) value.Value { return args[0] },
	},
	{
		Name: "isNull", Section: sectionCollections, Signature: "isNull(value)", V2: true, Min: 1, Max: 1,
		Result: Boolean,
		Doc:    "Whether the value is Null. Undefined is not Null.",
		Examples: []Example{
			{SQL: "isNull(5)", Want: "false"},
			{SQL: "isNull(Null)", Want: "true"},
			{SQL: "isNull(missing)", Want: "false"},
		},
		Call: func(_ *Env, args []value.Value) value.Value { return value.OfBool(args[0].Kind() == value.Null) },
	},
	{
		Name: "isUndefined", Section: sectionCollections, Signature: "isUndefined(value)", V2: true, Min: 1, Max: 1,
		Result: Boolean,
		Doc:    "Whether there is no value. Null is a value.",
		Examples: []Example{
			{SQL: "isUndefined(5)", Want: "false"},
			{SQL: "isUndefined(floor([1, 2, 3]))", Want: "true"},
			{SQL: "isUndefined(NULL)", Want: "false"},
		},
		Call: func(_ *Env, args []value.Value) value.Value { return value.OfBool(args[0].IsUndefined()) },
	},
	{
		Name: "transform", Section: sectionCollections, Signature: "transform('enrichArray', object, array)", V2: true,
		Min: 3, Max: 3, Result: List,
		Doc: "The elements of the array, each with the members of the object added; the object wins where both have " +
			"a member. Any other mode gives Undefined. The result has at most 128 KiB.",
		Examples: []Example{{
			SQL:     "transform('enrichArray', {'key': attributes.data1}, values)",
			Payload: `{"attributes":{"data1":1},"values":[{"a":3},{"b":4}]}`,
			Want:    `[{"a":3,"key":1},{"b":4,"key":1}]`,
		}},
		Constants: map[int]string{0: "mode"}, Call: transform,
	},
	{
		Name: "decode", Section: sectionCollections,
		Signature: "decode(text, 'base64'), decode(data, 'proto', bucket, key, file, type)", V2: true, Min: 2, Max: 6,
		Result: Anything,
		Doc: "With 'base64': the decoded text, or the value of the JSON document that it is; Null where the text is " +
			"not base64. With 'proto': a protobuf message as an Object, with a descriptor set from S3; the data are " +
			"* or base64 text.",
		Examples: []Example{
			{
				SQL:  `decode("eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==", "base64").temperature`,
				Want: "33",
			}, {SQL: "decode('aGVsbG8=', 'base64')", Want: `"hello"`},
			{SQL: "decode('%', 'base64')", Want: "null"},
		},
		Raw: true, Constants: map[int]string{1: "scheme"}, Call: decode,
	},
	{
		Name: "encode", Section: sectionCollections, Signature: "encode(value, 'base64')", V2: true, Min: 2, Max: 2,
		Result: Text,
		Doc: "The base64 text of a value, converted to a String first, or of the payload's own bytes when the " +
			"value is *.",
		Examples: []Example{
			{SQL: "encode('hello', 'base64')", Want: `"aGVsbG8="`},
			{SQL: "encode(*, 'base64')", Payload: `{"a": 1}`, Want: `"eyJhIjogMX0="`},
		},
		Raw: true, Constants: map[int]string{1: "scheme"},
		Call: func(_ *Env, args []value.Value) value.Value {
			s, ok := bytesOf(args[0])
			if !ok || !isScheme(args[1], "base64") {
				return value.Value{}
			}
			return value.OfString(base64.StdEncoding.EncodeToString([]byte(s)))
		},
	},
	// The grammar reads cast(value AS type), so Call is never reached; the entry is for documentation and suggestions.
	{
		Name: "cast", Section: "7", Signature: "cast(value AS type)", Min: 1, Max: 1, Result: Anything,
		Doc: "The value as another type: String (Nvarchar, Text, Ntext, Varchar), Int (Integer), Double, and in " +
			"version 2016-03-23 Decimal and Boolean (Bool). Decimals become Ints by rounding down; Null and what " +
			"cannot be converted become Undefined.",
		Examples: []Example{
			{SQL: "cast(true AS Int)", Want: "1"},
			{SQL: "cast('2.7' AS Int)", Want: "2"},
			{SQL: "cast(0 AS Boolean)", Want: "false"},
			{SQL: "cast(22 AS String)", Want: `"22"`},
		},
	},
}

func get(e *Env, args []value.Value) value.Value {
	container, key := args[0], args[1]
	switch container.Kind() {
	case value.Object:
		if key.Kind() == value.String {
			return container.Member(key.Text())
		}
	case value.Array:
		i, ok := e.position(key)
		if items := container.Items(); ok && i < int64(len(items)) {
			return items[i]
		}
	case value.String:
		i, ok := e.position(key)
		if s := container.Text(); ok && i < int64(len(s)) {
			if c := cut(s, i, i+1); c != "" {
				return value.OfString(c)
			}
		}
	}
	return value.Value{}
}

// position converts an index that must not be negative.
func (e *Env) position(key value.Value) (int64, bool) {
	n, ok := e.Version.ToIndex(key)
	if !ok || n.Int64() < 0 {
		return 0, false
	}
	return n.Int64(), true
}

// maxTransform is the maximum size of transform's result. [IoT-SQL 14.3 transform]
const maxTransform = 128 << 10

func transform(e *Env, args []value.Value) value.Value {
	if args[0].Kind() != value.String || args[0].Text() != "enrichArray" || args[1].Kind() != value.Object ||
		args[2].Kind() != value.Array {
		return value.Value{}
	}
	extra := args[1].Members()
	items := make([]value.Value, 0, len(args[2].Items()))
	for _, item := range args[2].Items() {
		if !e.Spend(16 * (1 + extra.Len())) {
			return value.Value{}
		}
		if item.Kind() == value.Object {
			m := &value.Members{}
			m.Merge(item.Members())
			m.Merge(extra)
			item = value.OfObject(m)
		}
		items = append(items, item)
	}
	result := value.OfArray(items)
	if value.Size(result, maxTransform) > maxTransform {
		return e.Fail(ErrTooMuch)
	}
	return result
}

// bytesOf returns the raw payload for *, and the text of other values.
func bytesOf(v value.Value) (string, bool) {
	if v.Kind() == value.Binary {
		return v.Text(), true
	}
	return value.ToString(v)
}

func isScheme(v value.Value, scheme string) bool {
	return v.Kind() == value.String && strings.EqualFold(v.Text(), scheme)
}

func decode(e *Env, args []value.Value) value.Value {
	switch {
	case len(args) == 2 && isScheme(args[1], "base64"):
		return decodeBase64(e, args[0])
	case len(args) == 6 && isScheme(args[1], "proto"):
		return decodeProtobuf(e, args)
	}
	return value.Value{}
}

func decodeBase64(e *Env, v value.Value) value.Value {
	if v.Kind() != value.String && v.Kind() != value.Binary {
		return value.Value{}
	}
	data, ok := fromBase64(v.Text())
	if !ok || !utf8.Valid(data) {
		return value.NullValue
	}
	text := string(data)
	if document, ok := e.Version.ParseJSON(text); ok {
		return document
	}
	return value.OfString(text)
}

// fromBase64 accepts text with and without padding.
func fromBase64(s string) ([]byte, bool) {
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(s)
	}
	return data, err == nil
}

func decodeProtobuf(e *Env, args []value.Value) value.Value {
	var names [4]string
	for i := range names {
		if args[2+i].Kind() != value.String {
			return value.Value{}
		}
		names[i] = args[2+i].Text()
	}
	data := []byte(args[0].Text())
	switch args[0].Kind() {
	case value.Binary:
	case value.String:
		var ok bool
		if data, ok = fromBase64(args[0].Text()); !ok {
			return value.Value{}
		}
	default:
		return value.Value{}
	}
	return e.external("decode", func(x message.External) ([]byte, error) {
		return x.DecodeProtobuf(e.Context, data,
			message.ProtobufType{Bucket: names[0], Key: names[1], File: names[2], MessageType: names[3]})
	})
}
