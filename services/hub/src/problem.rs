//! Errors of the interface: RFC 9457 `application/problem+json` with a stable `code` and what to do about it.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Media type of the answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One error answer. Never holds a personal value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code, such as `customer_unknown`.
    pub code: &'static str,
    /// What is wrong with this request.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with this status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), remedy: None, retry_after: None }
    }

    /// With a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// With a `Retry-After` header, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 404.
    #[must_use]
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(404, code, detail)
    }

    /// 500 without any inside of the hub; the cause belongs into the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "internal", "the hub failed to answer; its log says why")
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let title = self.http_status().canonical_reason().unwrap_or("Error");
        let mut body = Map::new();
        // A URN, since the codes are documented with the release and not at an address that could go away.
        body.insert("type".into(), format!("urn:tributary:problem:{}", self.code).into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), self.status.into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), self.detail.as_str().into());
        if let Some(remedy) = &self.remedy {
            body.insert("remedy".into(), remedy.as_str().into());
        }
        Json::Object(body)
    }

    fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<tributary_channels::adapter::Rejected> for Problem {
    fn from(rejected: tributary_channels::adapter::Rejected) -> Self {
        Self::new(rejected.status, rejected.code, rejected.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let media = HeaderValue::from_static(MEDIA_TYPE);
        let body = self.to_json().to_string();
        let mut response = (self.http_status(), [(header::CONTENT_TYPE, media)], body).into_response();
        let headers = response.headers_mut();
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, 408 | 413) || self.code == "too_many_bodies" {
            // The rest of the body is not read: the connection cannot carry another request.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_problem_is_an_rfc_9457_answer() {
        let problem =
            Problem::new(503, "log_sealed", "the log takes no writes").remedy("restart").retry_after(5);
        let response = problem.into_response();
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(!response.headers().contains_key("www-authenticate"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let want = serde_json::json!({
            "type": "urn:tributary:problem:log_sealed", "title": "Service Unavailable", "status": 503,
            "code": "log_sealed", "detail": "the log takes no writes", "remedy": "restart"});
        assert_eq!(body, want);
    }

    #[test]
    fn a_401_names_the_scheme() {
        let response = Problem::new(401, "token_missing", "").into_response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
}
