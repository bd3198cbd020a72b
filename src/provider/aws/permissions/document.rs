//! What an identity needs, in the languages of those who grant it.
//!
//! In: grants. Out: IAM's JSON, Terraform's data sources or a CloudFormation template. It never adds to or leaves out
//! anything of a grant.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Grant, Statement};

/// What stands for the partition in an ARN of a grant.
const PARTITION: &str = "{partition}";

/// A language for policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// IAM's own policy documents
    Json,
    /// Data sources for Terraform
    Terraform,
    /// A template for CloudFormation
    Cloudformation,
}

impl Format {
    /// Writes grants down. JSON of one grant is that policy document alone; of several, an object by identity.
    ///
    /// JSON names the partition; the other languages find it out where they are applied.
    #[must_use]
    pub fn write(self, grants: &[Grant], partition: &str) -> String {
        match self {
            Self::Json => {
                let policy = |grant: &Grant| policy(grant, partition);
                let document = match grants {
                    [one] => policy(one),
                    several => several.iter().map(|grant| (grant.name(), policy(grant))).collect(),
                };
                format!("{document:#}\n")
            }
            Self::Terraform => terraform(grants),
            Self::Cloudformation => cloudformation(grants),
        }
    }
}

impl Grant {
    /// `member`, or `member (by way of 1 Hub)` for a role that only leads there.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.link {
            None => self.reader.as_str().to_owned(),
            Some(link) => format!("{} (by way of {link})", self.reader.as_str()),
        }
    }

    /// The name in letters and digits, each word begun with a capital.
    fn identifier(&self) -> String {
        let name = self.name();
        let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.map(capital).collect()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

fn policy(grant: &Grant, partition: &str) -> Value {
    let statement = |statement: &Statement| {
        json!({
            "Sid": statement.sid,
            "Effect": "Allow",
            "Action": statement.actions,
            "Resource": statement.resources.iter().map(|arn| arn.replace(PARTITION, partition)).collect::<Vec<_>>(),
        })
    };
    json!({ "Version": "2012-10-17", "Statement": grant.statements.iter().map(statement).collect::<Vec<_>>() })
}

fn terraform(grants: &[Grant]) -> String {
    let knows =
        |grant: &Grant| grant.statements.iter().flat_map(|one| &one.resources).any(|arn| arn.contains(PARTITION));
    let mut text = String::new();
    if grants.iter().any(knows) {
        text.push_str("data \"aws_partition\" \"current\" {}\n\n");
    }
    let policies: Vec<String> = grants.iter().map(data_source).collect();
    text + &policies.join("\n")
}

fn data_source(grant: &Grant) -> String {
    let name = grant.name().split(|letter: char| !letter.is_ascii_alphanumeric()).collect::<Vec<_>>().join(" ");
    let name = name.split_whitespace().collect::<Vec<_>>().join("_").to_ascii_lowercase();
    let mut text = format!("data \"aws_iam_policy_document\" \"guardline_{name}\" {{\n");
    let statements: Vec<String> = grant.statements.iter().map(statement).collect();
    text.push_str(&statements.join("\n"));
    text.push_str("}\n");
    text
}

fn statement(statement: &Statement) -> String {
    let list = |items: &[String]| {
        items.iter().fold(String::new(), |mut text, item| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "      {},", quoted(item));
            text
        })
    };
    format!(
        "  statement {{\n    sid = \"{}\"\n    actions = [\n{}    ]\n    resources = [\n{}    ]\n  }}\n",
        statement.sid,
        list(&statement.actions),
        list(&statement.resources),
    )
}

/// A string of Terraform. What a baseline says is no template there; the partition is.
fn quoted(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{}\"", plain.replace(PARTITION, "${data.aws_partition.current.partition}"))
}

fn cloudformation(grants: &[Grant]) -> String {
    let mut text = "AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n".to_owned();
    for grant in grants {
        let (identifier, name) = (grant.identifier(), grant.name());
        let statements: String = grant.statements.iter().map(statement_yaml).collect();
        text += &format!(
            "  Guardline{identifier}Policy:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      \
             Description: What Guardline needs as {name}\n      PolicyDocument:\n        \
             Version: \"2012-10-17\"\n        Statement:\n{statements}"
        );
    }
    text
}

fn statement_yaml(statement: &Statement) -> String {
    let list =
        |items: Vec<String>| items.into_iter().map(|item| format!("              - {item}\n")).collect::<String>();
    format!(
        "          - Sid: {}\n            Effect: Allow\n            Action:\n{}            Resource:\n{}",
        statement.sid,
        list(statement.actions.clone()),
        list(statement.resources.iter().map(|arn| substituted(arn)).collect()),
    )
}

/// An ARN for CloudFormation. What a baseline says is no variable there; the partition is.
fn substituted(arn: &str) -> String {
    if arn.contains(PARTITION) {
        let arn = arn.replace("${", "${!").replace(PARTITION, "${AWS::Partition}");
        format!("Fn::Sub: {}", json!(arn))
    } else {
        json!(arn).to_string()
    }
}
