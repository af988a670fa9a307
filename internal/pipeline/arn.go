package pipeline

import "strings"

// arns predicts the ARN of each object from its name, in one account and region.
type arns struct {
	partition, region, account string
}

func (a arns) in(service, resource string) string {
	return "arn:" + a.partition + ":" + service + ":" + a.region + ":" + a.account + ":" + resource
}

func (a arns) parameter(name string) string  { return a.in("ssm", "parameter"+name) }
func (a arns) thingGroup(name string) string { return a.in("iot", "thinggroup/"+name) }
func (a arns) thingType(name string) string  { return a.in("iot", "thingtype/"+name) }
func (a arns) policy(name string) string     { return a.in("iot", "policy/"+name) }
func (a arns) rule(name string) string       { return a.in("iot", "rule/"+name) }
func (a arns) iotTopic(name string) string   { return a.in("iot", "topic/"+name) }
func (a arns) iotFilter(name string) string  { return a.in("iot", "topicfilter/"+name) }
func (a arns) client(id string) string       { return a.in("iot", "client/"+id) }
func (a arns) stream(name string) string     { return a.in("kinesis", "stream/"+name) }
func (a arns) database(name string) string   { return a.in("timestream", "database/"+name) }
func (a arns) table(name string) string      { return a.in("dynamodb", "table/"+name) }
func (a arns) topic(name string) string      { return a.in("sns", name) }
func (a arns) queue(name string) string      { return a.in("sqs", name) }
func (a arns) function(name string) string   { return a.in("lambda", "function:"+name) }
func (a arns) logGroup(name string) string   { return a.in("logs", "log-group:"+name) }
func (a arns) firehose(name string) string   { return a.in("firehose", "deliverystream/"+name) }
func (a arns) alarm(name string) string      { return a.in("cloudwatch", "alarm:"+name) }
func (a arns) machine(name string) string    { return a.in("states", "stateMachine:"+name) }
func (a arns) thing(name string) string      { return a.in("iot", "thing/"+name) }
func (a arns) template(name string) string   { return a.in("iot", "provisioningtemplate/"+name) }
func (a arns) scheduleGroup(name string) string {
	return a.in("scheduler", "schedule-group/"+name)
}
func (a arns) schedule(group, name string) string {
	return a.in("scheduler", "schedule/"+group+"/"+name)
}
func (a arns) roleAlias(name string) string { return a.in("iot", "rolealias/"+name) }
func (a arns) component(name string) string { return a.in("greengrass", "components:"+name) }
func (a arns) cert(id string) string        { return a.in("iot", "cert/"+id) }
func (a arns) caCert(id string) string      { return a.in("iot", "cacert/"+id) }

func (a arns) glueCatalog() string             { return a.in("glue", "catalog") }
func (a arns) glueDatabase(name string) string { return a.in("glue", "database/"+name) }
func (a arns) workgroup(name string) string    { return a.in("athena", "workgroup/"+name) }
func (a arns) glueTable(database, table string) string {
	return a.in("glue", "table/"+database+"/"+table)
}

func (a arns) timestreamTable(database, table string) string {
	return a.database(database) + "/table/" + table
}

// Buckets, roles and dashboards belong to no region, and buckets to no account either.
func (a arns) bucket(name string) string { return "arn:" + a.partition + ":s3:::" + name }
func (a arns) role(name string) string {
	return "arn:" + a.partition + ":iam::" + a.account + ":role/" + name
}
func (a arns) dashboard(name string) string {
	return "arn:" + a.partition + ":cloudwatch::" + a.account + ":dashboard/" + name
}
func (a arns) root() string { return "arn:" + a.partition + ":iam::" + a.account + ":root" }

// key gives the ARN of a KMS key that was named by ID or by ARN; "" stays "".
// AWS reports most keys by ARN, so wanting one by ID would show as drift forever.
func (a arns) key(id string) string {
	if id == "" || strings.HasPrefix(id, "arn:") {
		return id
	}
	return a.in("kms", "key/"+id)
}
