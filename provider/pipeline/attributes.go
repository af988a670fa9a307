package pipeline

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// attributes are the attributes of an object by name.
type attributes = map[string]schema.Attribute

// required returns a text that must be written.
func required(description string) schema.StringAttribute {
	return schema.StringAttribute{Required: true, MarkdownDescription: description}
}

// optional returns a text.
func optional(description string) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description}
}

// choice returns a text with few possible values. The description ends with the values and the default.
func choice(description string, values pipeline.Choice) schema.StringAttribute {
	return optional(description + " " + values.String())
}

// requiredChoice is choice for a text that must be written.
func requiredChoice(description string, values pipeline.Choice) schema.StringAttribute {
	return required(description + " " + values.String())
}

// number returns an integer. The description ends with the bounds and the default.
func number(description string, limit pipeline.Limit) schema.Int64Attribute {
	return schema.Int64Attribute{Optional: true, MarkdownDescription: description + " " + limit.String()}
}

// flag returns a boolean.
func flag(description string) schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: description}
}

// textMap returns texts by key.
func textMap(description string) schema.MapAttribute {
	return schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

// textList returns texts in order.
func textList(description string) schema.ListAttribute {
	return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

// textSet returns a set of texts.
func textSet(description string) schema.SetAttribute {
	return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

// object returns a nested object.
func object(description string, members attributes) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Optional: true, MarkdownDescription: description, Attributes: members}
}

// requiredObject returns a nested object that must be there.
func requiredObject(description string, members attributes) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Required: true, MarkdownDescription: description, Attributes: members}
}

// objectList returns nested objects in order.
func objectList(description string, members attributes) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{Optional: true, MarkdownDescription: description,
		NestedObject: schema.NestedAttributeObject{Attributes: members}}
}

// requiredList returns nested objects in order, which must be there.
func requiredList(description string, members attributes) schema.ListNestedAttribute {
	l := objectList(description, members)
	l.Optional, l.Required = false, true
	return l
}

// objects returns nested objects by key.
func objects(description string, members attributes) schema.MapNestedAttribute {
	return schema.MapNestedAttribute{Optional: true, MarkdownDescription: description,
		NestedObject: schema.NestedAttributeObject{Attributes: members}}
}

// result returns a text that the provider computes.
func result(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// resultNumber returns an integer that the provider computes.
func resultNumber(description string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
}

// resultList returns a list of texts that the provider computes.
func resultList(description string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
}

// resultMap returns texts by key that the provider computes.
func resultMap(description string) schema.MapAttribute {
	return schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
}

// resultObject returns a nested object that the provider computes.
func resultObject(description string, members attributes) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: description, Attributes: members}
}

// resultObjects returns nested objects by key that the provider computes.
func resultObjects(description string, members attributes) schema.MapNestedAttribute {
	return schema.MapNestedAttribute{Computed: true, MarkdownDescription: description,
		NestedObject: schema.NestedAttributeObject{Attributes: members}}
}

// merged returns all attributes in one map.
func merged(all ...attributes) attributes {
	sum := attributes{}
	for _, one := range all {
		maps.Copy(sum, one)
	}
	return sum
}
