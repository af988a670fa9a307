# By name, in the provider's region
terraform import iot_pipeline.greenhouse greenhouse

# In another region
terraform import iot_pipeline.greenhouse greenhouse@eu-central-1
