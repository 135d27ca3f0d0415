//! Saying what is served.

use tonic::{Request, Response, Status, async_trait};

use super::Served;
use crate::proto;
use crate::transport::services::describe_server::Describe;

#[async_trait]
impl Describe for Served {
    async fn describe(&self, _: Request<proto::DescribeRequest>) -> Result<Response<proto::DescribeResponse>, Status> {
        let description = Some(self.description.clone());
        Ok(Response::new(proto::DescribeResponse { description, service_epoch: self.epoch.clone() }))
    }
}
