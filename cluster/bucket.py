"""Makes a bucket, where there is none: MLflow keeps files in one, and does not make it.

    python -m cluster.bucket NAME

The environment says where: MLFLOW_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_DEFAULT_REGION.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from adcraft import console
from adcraft.errors import StorageError

_TIMEOUT_S = 10


def make_bucket(name: str) -> bool:
    """Whether it was made now.

    Raises:
        StorageError: the store can't be reached, or refuses.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL")
    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 3})
    where = endpoint or "Amazon's S3"
    try:
        client: Any = boto3.client("s3", endpoint_url=endpoint, config=config)
        if any(each["Name"] == name for each in client.list_buckets()["Buckets"]):
            return False
        client.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError) as error:
        raise StorageError(
            f"Bucket {name!r} at {where} can't be made: {error}. Check MLFLOW_S3_ENDPOINT_URL and the AWS_ "
            "variables."
        ) from error
    return True


def main() -> int:
    """Make it."""
    parser = console.Parser(prog="python -m cluster.bucket", description=__doc__)
    parser.add_argument("name", metavar="NAME")
    parsed = parser.parse_args()
    return console.run(
        "cluster.bucket", "bucket", False, lambda: {"bucket": parsed.name, "made": make_bucket(parsed.name)}
    )


if __name__ == "__main__":
    sys.exit(main())
