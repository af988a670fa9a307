package pipeline

import "slices"

// archiveReader is the policy document of somebody who queries the archive: a person, Grafana, QuickSight. Athena reads
// the catalog and the objects, and writes results, with the rights of whoever asks.
func (b *builder) archiveReader() string {
	bucket, database := b.arn.bucket(b.names.bucket()), b.names.glueDatabase()
	var keys, objects []string
	for _, prefix := range b.readPrefixes() {
		keys, objects = append(keys, prefix+"*"), append(objects, bucket+"/"+prefix+"*")
	}
	list := allow([]string{"s3:ListBucket"}, bucket)
	list.Condition = conditions{"StringLike": {"s3:prefix": append(keys, queryResults+"*")}}
	return policy(slices.Concat([]statement{
		allow([]string{
			"athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery",
			"athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetWorkGroup",
			"athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution",
			"athena:StopQueryExecution",
		}, b.arn.workgroup(b.names.pipeline)),
		allow([]string{"athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDatabases",
			"athena:ListTableMetadata"}, b.arn.in("athena", "datacatalog/AwsDataCatalog")),
		// Tools list these to choose from; the actions take no resource.
		allow([]string{"athena:ListDataCatalogs", "athena:ListEngineVersions", "athena:ListWorkGroups"}, "*"),
		// Athena asks for the database "default" with any query [Athena user guide, Access to the Glue Data Catalog].
		allow([]string{"glue:GetDatabase", "glue:GetDatabases"}, b.arn.glueCatalog(), b.arn.glueDatabase("default"),
			b.arn.glueDatabase(database)),
		allow([]string{"glue:BatchGetPartition", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable",
			"glue:GetTables"}, b.arn.glueCatalog(), b.arn.glueDatabase(database), b.arn.glueTable(database, "*")),
		allow([]string{"s3:GetBucketLocation", "s3:ListBucketMultipartUploads"}, bucket),
		list,
		allow([]string{"s3:GetObject"}, objects...),
		allow([]string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"},
			bucket+"/"+queryResults+"*"),
	}, b.encryptWith(b.config.Archive.KMSKeyID))...)
}
