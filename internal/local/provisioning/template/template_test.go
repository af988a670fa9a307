package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const certificateID = "7a51c0de7a51c0de7a51c0de7a51c0de7a51c0de7a51c0de7a51c0de7a51c0de"

// pipelineTemplate has the shape of the templates that the provider writes.
const pipelineTemplate = `{
 "Parameters":{"SerialNumber":{"Type":"String"},"site":{"Type":"String"},"AWS::IoT::Certificate::Id":{"Type":"String"}},
 "Resources":{
  "thing":{"Type":"AWS::IoT::Thing",
   "Properties":{"ThingName":{"Fn::Join":["",["hall-",{"Ref":"SerialNumber"}]]},"ThingTypeName":"gh","ThingGroups":["gh"],
    "AttributePayload":{"iot-pipeline":"token-1","iot-pipeline-registered":"claim","site":{"Ref":"site"}}},
   "OverrideSettings":{"AttributePayload":"DO_NOTHING","ThingTypeName":"DO_NOTHING","ThingGroups":"MERGE"}},
  "certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}}}}`

func TestPipelineTemplate(t *testing.T) {
	parsed, err := Parse(pipelineTemplate)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsed.Resolve(
		map[string]string{
			"SerialNumber": "A1",
			"site":         "hall-3",
			"secret":       "of the hook only",
			CertificateID:  "another's",
		},
		certificateID,
	)
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{
		Thing: &Thing{Name: "hall-A1", Type: "gh", Groups: []string{"gh"},
			Attributes: map[string]string{
				"iot-pipeline":            "token-1",
				"iot-pipeline-registered": "claim",
				"site":                    "hall-3",
			},
			Override: Overrides{Attributes: DoNothing, Type: DoNothing, Groups: Merge}},
		CertificateID: certificateID, Active: true, Configuration: map[string]any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// wrap puts an expression into a device configuration, next to a parameter, a default and a mapping.
func wrap(expression string) string {
	return `{"Parameters":{"given":{"Type":"String"},"usual":{"Type":"String","Default":"d"},"missing":{"Type":"String"},"number":{"Type":"String","Default":"1"}},
	 "Mappings":{"urls":{"north":{"broker":"n.example","hosts":["a","b"]}}},
	 "Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}},
	 "DeviceConfiguration":{"x":` + expression + `}}`
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		why, expression string
		want            any
	}{
		{"a literal", `"text"`, "text"},
		{"a literal that is not a string stays what it is", `true`, true},
		{"a list", `["a",{"Ref":"given"}]`, []any{"a", "north"}},
		{"a parameter that the device gives", `{"Ref":"given"}`, "north"},
		{"a parameter's default", `{"Ref":"usual"}`, "d"},
		{"joined with a delimiter", `{"Fn::Join":["-",["a",{"Ref":"given"},"b"]]}`, "a-north-b"},
		{"joined from a list that a function gives", `{"Fn::Join":["+",{"Fn::Split":[",","a,b,,c"]}]}`, "a+b++c"},
		{"nothing to join", `{"Fn::Join":["-",[]]}`, ""},
		{"selected by a number", `{"Fn::Select":[1,["a","b"]]}`, "b"},
		{"selected by text, as parameters are", `{"Fn::Select":[{"Ref":"number"},["a","b"]]}`, "b"},
		{"selected from a split", `{"Fn::Select":["0",{"Fn::Split":["r",{"Ref":"given"}]}]}`, "no"},
		{"found by parameters", `{"Fn::FindInMap":["urls",{"Ref":"given"},"broker"]}`, "n.example"},
		{"a list that is found", `{"Fn::Select":["1",{"Fn::FindInMap":["urls","north","hosts"]}]}`, "b"},
		{"substituted parameters", `{"Fn::Sub":"mqtt://${given}.example/${usual}"}`, "mqtt://north.example/d"},
		{"substituted values of its own go before parameters",
			`{"Fn::Sub":["${given}/${own}",{"given":"south","own":{"Ref":"given"}}]}`, "south/north"},
		{"a substitution that is kept as text", `{"Fn::Sub":"${!given} $5 ${given}"}`, "${given} $5 north"},
		{"the certificate", `{"Ref":"AWS::IoT::Certificate::Id"}`, certificateID},
	} {
		parsed, err := Parse(wrap(c.expression))
		if err != nil {
			t.Errorf("%s: parsing: %v", c.why, err)
			continue
		}
		plan, err := parsed.Resolve(map[string]string{"given": "north"}, certificateID)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if diff := cmp.Diff(c.want, plan.Configuration["x"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestExpressionsThatCannotBeResolved(t *testing.T) {
	long := `"` + strings.Repeat("x", 100) + `"`
	for _, c := range []struct{ why, expression, want string }{
		{"a parameter that the device leaves out", `{"Ref":"missing"}`, `cannot resolve the reference to "missing"`},
		{"a parameter that the template does not declare, given or not", `{"Ref":"undeclared"}`,
			`cannot resolve the reference to "undeclared"`},
		{"pseudo parameters are CloudFormation's", `{"Ref":"AWS::Region"}`, `"AWS::Region"`},
		{"a substitution of an unknown name", `{"Fn::Sub":"${nobody}"}`, `"nobody"`},
		{"a substitution without an end", `{"Fn::Sub":"${given"}`, "has no }"},
		{"an index outside of the list", `{"Fn::Select":["2",["a","b"]]}`, "no element 2"},
		{"an index before the list", `{"Fn::Select":["-1",["a","b"]]}`, "no element -1"},
		{"an index that is not a number", `{"Fn::Select":["one",["a","b"]]}`, "not a whole number"},
		{"a map that is not there", `{"Fn::FindInMap":["nomap","north","broker"]}`, "no nomap.north.broker"},
		{"a key that is not there", `{"Fn::FindInMap":["urls",{"Ref":"usual"},"broker"]}`, "no urls.d.broker"},
		{"a delimiter that is empty", `{"Fn::Split":["",{"Ref":"given"}]}`, "empty"},
		{"a list where a text is wanted", `{"Fn::Split":[",",["a"]]}`, "not a string"},
		{"a text where a list is wanted", `{"Fn::Join":[",","a"]}`, "not a list"},
		{"a number among what is joined", `{"Fn::Join":[",",["a",1]]}`, "element 1 is not a string"},
		{"text that grows without bound", `{"Fn::Sub":["` + strings.Repeat("${a}", 50) + `",{"a":{"Fn::Sub":["` +
			strings.Repeat("${b}", 50) + `",{"b":` + long + `}]}}]}`, "longer than"},
		{"joined text that grows without bound", `{"Fn::Join":[{"Fn::Sub":["` + strings.Repeat("${b}", 50) + `",{"b":` +
			long + `}]},[` + strings.Repeat(`"",`, 50) + `""]]}`, "longer than"},
	} {
		parsed, err := Parse(wrap(c.expression))
		if err != nil {
			t.Errorf("%s: parsing: %v", c.why, err)
			continue
		}
		if _, err := parsed.Resolve(map[string]string{"given": "north", "undeclared": "x"},
			certificateID); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.why, err, c.want)
		}
	}
}

// resources makes a template of a certificate and one more resource.
func resources(more string) string {
	return `{"Parameters":{"p":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},"x":` + more + `}}`
}

func TestParseRefuses(t *testing.T) {
	thing := func(properties, rest string) string {
		return resources(`{"Type":"AWS::IoT::Thing","Properties":{` + properties + `}` + rest + `}`)
	}
	certificate := func(properties string) string {
		return `{"Resources":{"c":{"Type":"AWS::IoT::Certificate",` + properties + `}}}`
	}
	for _, c := range []struct{ why, body, want string }{
		{"no JSON", `{`, "not a JSON object"},
		{"no object", `[]`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"a body over AWS's limit", `{"Parameters":{` + strings.Repeat(" ", maxBody) + `}}`, "longer than"},
		{"a section of CloudFormation", `{"Outputs":{}}`, `unknown member "Outputs"`},
		{"a parameter of another type", `{"Parameters":{"p":{"Type":"Number"}}}`,
			"Parameters.p: the only type is String"},
		{"a default that is not a string", `{"Parameters":{"p":{"Type":"String","Default":1}}}`, "Parameters.p"},
		{"a parameter with more than AWS knows", `{"Parameters":{"p":{"Type":"String","AllowedValues":["a"]}}}`,
			"AllowedValues"},
		{"a function in the mappings", `{"Mappings":{"m":{"a":{"b":{"Ref":"p"}}}}}`, "Mappings.m.a.b: a mapped value"},
		{"mappings of one level", `{"Mappings":{"m":{"a":"b"}}}`, "Mappings.m.a"},
		{"no certificate", `{"Resources":{}}`, "no AWS::IoT::Certificate"},
		{"no resources", `{}`, "no AWS::IoT::Certificate"},
		{"two certificates", resources(`{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":"a"}}`),
			"one certificate only"},
		{"a resource without a type", resources(`{}`), "has no Type"},
		{"a resource of another service", resources(`{"Type":"AWS::SNS::Topic"}`),
			`unknown resource type "AWS::SNS::Topic"`},
		{"a CSR, which only other templates take", certificate(`"Properties":{"CertificateSigningRequest":"x"}`),
			"CertificateSigningRequest"},
		{"a certificate without ID", certificate(`"Properties":{"Status":"ACTIVE"}`), "no CertificateId"},
		{"a status that the template cannot give", certificate(`"Properties":{"CertificateId":"x","Status":"REVOKED"}`),
			"ACTIVE or INACTIVE"},
		{"merging a status", certificate(`"Properties":{"CertificateId":"x"},"OverrideSettings":{"Status":"MERGE"}`),
			"nothing to MERGE"},
		{"a thing without a name", thing(`"ThingTypeName":"x"`, ``), "no ThingName"},
		{"a property that things have not", thing(`"ThingName":"x","Color":"red"`, ``), `unknown member "Color"`},
		{"an unknown function", thing(`"ThingName":{"Fn::If":["a","b","c"]}`, ``),
			`Resources.x.Properties.ThingName: unknown function "Fn::If"`},
		{"a function of CloudFormation", thing(`"ThingName":{"Fn::GetAtt":["a","b"]}`, ``),
			`unknown function "Fn::GetAtt"`},
		{"a function beside something else", thing(`"ThingName":{"Ref":"p","x":1}`, ``), "must be the only member"},
		{"a reference to no name", thing(`"ThingName":{"Ref":["p"]}`, ``), "name of a parameter"},
		{"too few arguments", thing(`"ThingName":{"Fn::Join":["-"]}`, ``), "list of 2 arguments"},
		{"arguments that are not a list", thing(`"ThingName":{"Fn::FindInMap":"m"}`, ``), "list of 3 arguments"},
		{"a substitution of no string", thing(`"ThingName":{"Fn::Sub":{"Ref":"p"}}`, ``), "Fn::Sub: it takes a string"},
		{"null", thing(`"ThingName":null`, ``), "null is not a value"},
		{"null further in", thing(`"ThingName":{"Fn::Join":["",[null]]}`, ``), "null is not a value"},
		{"attributes that are not an object", thing(`"ThingName":"x","AttributePayload":["a"]`, ``),
			"not a JSON object"},
		{"an unknown setting", thing(`"ThingName":"x"`, `,"OverrideSettings":{"ThingGroups":"IGNORE"}`),
			"DO_NOTHING, REPLACE, FAIL and MERGE"},
		{"a setting of something that has none", thing(`"ThingName":"x"`, `,"OverrideSettings":{"ThingName":"FAIL"}`),
			`unknown member "ThingName"`},
		{"merging a thing type", thing(`"ThingName":"x"`, `,"OverrideSettings":{"ThingTypeName":"MERGE"}`),
			"nothing to MERGE"},
		{"two things", strings.Replace(thing(`"ThingName":"x"`, ``), `"x":`,
			`"w":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"y"}},"x":`, 1), "one thing only"},
		{"a policy with name and document",
			resources(`{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"a","PolicyDocument":"{}"}}`),
			"either a PolicyName or a PolicyDocument"},
		{"a policy with neither", resources(`{"Type":"AWS::IoT::Policy","Properties":{}}`),
			"either a PolicyName or a PolicyDocument"},
		{"settings of a policy",
			resources(`{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"a"},"OverrideSettings":{}}`),
			"no OverrideSettings"},
		{"a configuration that is not flat", wrap(`{"a":{"b":"c"}}`), "flat"},
	} {
		if _, err := Parse(c.body); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestThingsThatTheRegistryDoesNotTake(t *testing.T) {
	for _, c := range []struct{ why, properties, parameter, want string }{
		{"a name with a space", `"ThingName":{"Ref":"p"}`, "a b", "cannot be the name of a thing"},
		{"an empty name", `"ThingName":{"Ref":"p"}`, "", "cannot be the name of a thing"},
		{"a name over 128 characters", `"ThingName":{"Ref":"p"}`, strings.Repeat("a", 129), "cannot be the name"},
		{"a value with a space", `"ThingName":"x","AttributePayload":{"a":{"Ref":"p"}}`, "hall 3",
			"AttributePayload.a"},
		{"an attribute's name with a space", `"ThingName":"x","AttributePayload":{"a b":{"Ref":"p"}}`, "v",
			"AttributePayload.a b"},
		{"a value that is not a string", `"ThingName":"x","AttributePayload":{"a":1}`, "", "not a string"},
		{"four attributes without a thing type", `"ThingName":"x","AttributePayload":{"a":"1","b":"1","c":"1","d":"1"}`,
			"", "more than the 3"},
		{"groups that are not a list", `"ThingName":"x","ThingGroups":{"Ref":"p"}`, "g",
			"ThingGroups: it is not a list"},
	} {
		parsed, err := Parse(resources(`{"Type":"AWS::IoT::Thing","Properties":{` + c.properties + `}}`))
		if err != nil {
			t.Errorf("%s: parsing: %v", c.why, err)
			continue
		}
		if _, err := parsed.Resolve(map[string]string{"p": c.parameter}, certificateID); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestPolicies(t *testing.T) {
	parsed, err := Parse(`{"Parameters":{"p":{"Type":"String"}},"Resources":{
	 "c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"Inactive"}},
	 "named":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":{"Fn::Join":["",["fleet-",{"Ref":"p"}]]}}},
	 "object":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":{"Fn::Sub":"arn:${p}/${!iot:ClientId}"}}]}}},
	 "text":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{}"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := parsed.Resolve(map[string]string{"p": "x"}, certificateID)
	if err != nil {
		t.Fatal(err)
	}
	want := []Policy{
		{Name: "fleet-x"},
		{
			Name:     "37A6C24093C9AE540CCA6D7589BB26E69550A233",
			Document: `{"Statement":[{"Action":"iot:Publish","Effect":"Allow","Resource":"arn:x/${iot:ClientId}"}],"Version":"2012-10-17"}`,
		},
		{Name: "BF21A9E8FBC5A3846FB05B4FA0859E0917B2202F", Document: "{}"},
	}
	if diff := cmp.Diff(want, plan.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if plan.Active || plan.Thing != nil {
		t.Errorf("got an active certificate or a thing: %+v", plan)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(pipelineTemplate, "A1")
	f.Add(wrap(`{"Fn::Select":["1",{"Fn::Split":["r",{"Fn::Sub":"${given}${!x}"}]}]}`), "north")
	f.Add(wrap(`{"Fn::FindInMap":["urls",{"Ref":"given"},"broker"]}`), "north")
	f.Add(resources(`{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"a":[1,true,{"Ref":"p"}]}}}`), "x")
	f.Fuzz(func(t *testing.T, body, value string) {
		parsed, err := Parse(body)
		if err != nil {
			return
		}
		parameters := map[string]string{}
		for name := range parsed.parameters {
			parameters[name] = value
		}
		plan, err := parsed.Resolve(parameters, certificateID)
		if err != nil {
			return
		}
		again, err := parsed.Resolve(parameters, certificateID)
		if err != nil || !cmp.Equal(plan, again) {
			t.Errorf("resolved twice: %+v and %+v, %v", plan, again, err)
		}
		if plan.Thing != nil && !thingName.MatchString(plan.Thing.Name) {
			t.Errorf("a thing called %q", plan.Thing.Name)
		}
	})
}
