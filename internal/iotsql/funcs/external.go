package funcs

import (
	"errors"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

const (
	sectionExternal = "14.6"
	role            = "role ARN"
)

// External functions fail the evaluation when the service fails; get_or_default turns that into a value.
var externalFuncs = []*Func{
	{
		Name: "aws_lambda", Section: sectionExternal, Signature: "aws_lambda(functionArn, input)", Min: 2, Max: 2,
		Result:   Anything,
		Doc:      "The answer of a Lambda function to a JSON input, which may be *. AWS allows it two seconds.",
		External: true, Call: lambda,
	},
	{
		Name: "get_dynamodb", Section: sectionExternal,
		Signature: "get_dynamodb(table, keyName, keyValue [, sortKeyName, sortKeyValue], roleArn)", V2: true, Min: 4,
		Max: 6, Result: Document,
		Doc:      "One item of a DynamoDB table. A statement may call it once. A lookup that fails ends the rule.",
		External: true, Limit: 1, Constants: map[int]string{-1: role}, Call: dynamoDB,
	},
	{
		Name: "get_registry_data", Section: sectionExternal,
		Signature: "get_registry_data('DescribeThing' | 'ListThingGroupsForThing', thingName, roleArn)", V2: true,
		Min: 3, Max: 3,
		Result: Document,
		Doc: "What the registry knows about a thing, in the form in which the operation returns it. A statement " +
			"may call it once.",

		External: true, Limit: 1, Constants: map[int]string{0: "operation", -1: role}, Call: registryData,
	},
	{
		Name: "get_secret", Section: sectionExternal,
		Signature: "get_secret(secretId, 'SecretString' | 'SecretBinary' [, key], roleArn)", Min: 3, Max: 4,
		Result: Anything,
		Doc: "The current value of a secret: of a JSON secret an Object, or its member with a key; of another " +
			"the text; of a binary one base64 text.",
		External: true, Constants: map[int]string{-1: role}, Call: secret,
	},
	{
		Name: "get_thing_shadow", Section: sectionExternal,
		Signature: "get_thing_shadow(thingName [, shadowName], roleArn)", V2: true, Min: 2, Max: 3, Result: Document,
		Doc:      "A shadow of a thing; without a shadow's name, the classic one.",
		External: true, Constants: map[int]string{-1: role}, Call: thingShadow,
	},
	{
		Name: "machinelearning_predict", Section: sectionExternal,
		Signature: "machinelearning_predict(modelId, roleArn, record)", Min: 3, Max: 3, Result: Document,
		Doc: "The prediction of an Amazon Machine Learning model for a flat record, which may be *; nested " +
			"values are sent as text.",
		External: true, Constants: map[int]string{1: role}, Call: predict,
	},
}

// external calls a service and parses its JSON response. After a failure, no further service is called.
func (e *Env) external(name string, call func(message.External) ([]byte, error)) value.Value {
	if e.err != nil {
		return value.Value{}
	}
	if e.Message.External == nil {
		return e.Fail(fmt.Errorf("calling %s: %w", name, message.ErrNoExternal))
	}
	answer, err := call(e.Message.External)
	if err != nil {
		return e.Fail(fmt.Errorf("calling %s: %w", name, err))
	}
	v, ok := e.Version.ParseJSON(string(answer))
	if !ok {
		return e.Fail(fmt.Errorf("calling %s: the answer is not JSON", name))
	}
	return v
}

// strs returns the arguments as texts; all of them must be texts.
func strs(args ...value.Value) ([]string, bool) {
	list := make([]string, len(args))
	for i, a := range args {
		if a.Kind() != value.String {
			return nil, false
		}
		list[i] = a.Text()
	}
	return list, true
}

func lambda(e *Env, args []value.Value) value.Value {
	s, ok := strs(args[0])
	if !ok || args[1].IsUndefined() {
		return value.Value{}
	}
	return e.external("aws_lambda", func(x message.External) ([]byte, error) {
		return x.Lambda(e.Context, s[0], value.AppendJSON(nil, args[1]))
	})
}

func dynamoDB(e *Env, args []value.Value) value.Value {
	n := len(args)
	names, ok := strs(args[0], args[1], args[n-1])
	if !ok || n == 5 || !isKey(args[2]) {
		return value.Value{}
	}
	key := message.ItemKey{Table: names[0], PartitionName: names[1], PartitionValue: value.AppendJSON(nil, args[2])}
	if n == 6 {
		if args[3].Kind() != value.String || !isKey(args[4]) {
			return value.Value{}
		}
		key.SortName, key.SortValue = args[3].Text(), value.AppendJSON(nil, args[4])
	}
	return e.external("get_dynamodb", func(x message.External) ([]byte, error) {
		return x.DynamoDB(e.Context, key, names[2])
	})
}

func isKey(v value.Value) bool { return v.Kind() == value.String || v.IsNumber() }

func registryData(e *Env, args []value.Value) value.Value {
	s, ok := strs(args...)
	if !ok || s[0] != "DescribeThing" && s[0] != "ListThingGroupsForThing" {
		return value.Value{}
	}
	return e.external("get_registry_data", func(x message.External) ([]byte, error) {
		return x.RegistryData(e.Context, s[0], s[1], s[2])
	})
}

var errSecretKey = errors.New("the secret is not a JSON object, so that it has no keys")

func secret(e *Env, args []value.Value) value.Value {
	s, ok := strs(args...)
	if !ok || s[1] != "SecretString" && s[1] != "SecretBinary" {
		return value.Value{}
	}
	if e.err != nil {
		return value.Value{}
	}
	fail := func(err error) value.Value { return e.Fail(fmt.Errorf("calling get_secret: %w", err)) }
	if e.Message.External == nil {
		return fail(message.ErrNoExternal)
	}
	text, err := e.Message.External.Secret(e.Context, s[0], s[1], s[len(s)-1])
	if err != nil {
		return fail(err)
	}
	document, isJSON := e.Version.ParseJSON(text)
	isObject := isJSON && document.Kind() == value.Object && s[1] == "SecretString"
	switch {
	case len(s) == 3 && isObject:
		return document
	case len(s) == 3:
		return value.OfString(text)
	case !isObject:
		return fail(errSecretKey)
	}
	return document.Member(s[2])
}

func thingShadow(e *Env, args []value.Value) value.Value {
	s, ok := strs(args...)
	if !ok {
		return value.Value{}
	}
	shadow := ""
	if len(s) == 3 {
		shadow = s[1]
	}
	return e.external("get_thing_shadow", func(x message.External) ([]byte, error) {
		return x.ThingShadow(e.Context, s[0], shadow, s[len(s)-1])
	})
}

func predict(e *Env, args []value.Value) value.Value {
	s, ok := strs(args[0], args[1])
	if !ok || args[2].Kind() != value.Object {
		return value.Value{}
	}
	record := &value.Members{}
	for i := range args[2].Members().Len() {
		key, v := args[2].Members().At(i)
		if v.Kind() == value.Array || v.Kind() == value.Object {
			text, _ := value.ToString(v)
			v = value.OfString(text)
		}
		record.Set(key, v)
	}
	return e.external("machinelearning_predict", func(x message.External) ([]byte, error) {
		return x.Predict(e.Context, s[0], s[1], value.AppendJSON(nil, value.OfObject(record)))
	})
}
