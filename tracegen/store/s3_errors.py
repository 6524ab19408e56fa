"""What S3's errors mean: worth another try, absent, or said in words with what to do. It makes no calls."""

from collections.abc import Iterator
from contextlib import contextmanager

from tracegen.errors import StoreError, first_line

_TRANSIENT_CODES = frozenset(
    {"ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"}
)
_TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504})

_KEYS_HINT = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_MEANINGS = {
    "NoSuchBucket": ("the bucket does not exist", "create it, or correct the name"),
    "InvalidBucketName": ("not a bucket name", "3 to 63 lower-case letters, digits, dots and dashes"),
    "InvalidAccessKeyId": ("the access key is unknown", _KEYS_HINT),
    "SignatureDoesNotMatch": ("the secret key is wrong", _KEYS_HINT),
    "ExpiredToken": ("the credentials have expired", "sign in again"),
    "ExpiredTokenException": ("the credentials have expired", "sign in again"),
    "InvalidToken": ("the session token is wrong", "sign in again, or unset AWS_SESSION_TOKEN"),
    "AccessDenied": (
        "access denied",
        "these credentials need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there",
    ),
    "PermanentRedirect": ("the bucket is in another region", "set AWS_REGION to the bucket's region"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set AWS_REGION to the bucket's region"),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock"),
    "NoCredentialsError": ("no credentials found", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
    "PartialCredentialsError": ("the credentials are incomplete", _KEYS_HINT),
    "ProfileNotFound": ("the profile of AWS_PROFILE does not exist", "correct AWS_PROFILE, or unset it"),
    "EndpointConnectionError": ("cannot connect", "is the server up, and AWS_ENDPOINT_URL right?"),
    "ConnectTimeoutError": ("no connection in time", "is the server up, and AWS_ENDPOINT_URL right?"),
    "ReadTimeoutError": ("no answer in time", "is the server overloaded?"),
    "ConnectionClosedError": ("the server closed the connection", "does AWS_ENDPOINT_URL speak http or https?"),
    "SSLError": ("no secure connection", "does AWS_ENDPOINT_URL speak http or https?"),
}


def code_of(error: BaseException) -> str:
    """S3's code, as ``NoSuchBucket``; the class name of an error that never reached a server."""
    response = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code", "")
    return str(code) or type(error).__name__


def status_of(error: BaseException) -> int:
    """The HTTP status, 0 where none was received."""
    response = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: BaseException) -> bool:
    """The same request may succeed later: connection trouble, overload, or a race with another writer."""
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError, IncompleteReadError, SSLError

    if isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError):
        return not isinstance(error, SSLError)
    return code_of(error) in _TRANSIENT_CODES or status_of(error) in _TRANSIENT_STATUS


def is_absent(error: BaseException) -> bool:
    """There is no such object. A HEAD has no body, so that its code is only the status."""
    return code_of(error) in {"NoSuchKey", "404"}


def lost_race(error: BaseException) -> bool:
    """The object was there already."""
    return status_of(error) == 412


def meaning(error: BaseException) -> tuple[str, str]:
    """What happened and what to do, in words."""
    code = code_of(error)
    if code in _MEANINGS:
        return _MEANINGS[code]
    hint = "is AWS_ENDPOINT_URL an S3 endpoint?" if code.isdigit() else ""
    return first_line(error), hint


@contextmanager
def named(what: str) -> Iterator[None]:
    """Give errors of boto3 our name, in words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, ValueError, OSError) as error:
        text, hint = meaning(error)
        raise StoreError(f"{what}: {text}", hint=hint) from error
