"""What HL7 v2 segments, fields and components are called (HL7 2.5.1, chapters 2 to 11).

A field is its data type and its title; the titles of its components are those of the
type. Of segments that are rarely looked at only the title is here.
"""

from __future__ import annotations

from collections.abc import Mapping

from .delimited import Word

__all__ = ["FIELDS", "TITLES", "TYPES"]

_TYPES = """
HD: Namespace ID; Universal ID; Universal ID type
MSG: Message code; Trigger event; Message structure
PT: Processing ID; Processing mode
VID: Version; Internationalization code; International version
CE: Identifier; Text; Coding system; Alternate identifier; Alternate text; Alternate
  coding system
CWE: Identifier; Text; Coding system; Alternate identifier; Alternate text; Alternate
  coding system; Coding system version; Alternate coding system version; Original text
CX: ID number; Check digit; Check digit scheme; Assigning authority; Identifier type;
  Assigning facility; Effective date; Expiration date
EI: Entity identifier; Namespace ID; Universal ID; Universal ID type
EIP: Placer assigned identifier; Filler assigned identifier
XPN: Family name; Given name; Further given names; Suffix; Prefix; Degree; Name type
XCN: ID number; Family name; Given name; Further given names; Suffix; Prefix; Degree;
  Source table; Assigning authority; Name type; Check digit; Check digit scheme;
  Identifier type; Assigning facility
XAD: Street address; Other designation; City; State or province; Postal code; Country;
  Address type; Other geographic designation; County code
XTN: Telephone number; Use; Equipment type; Email address; Country code; Area code;
  Local number; Extension; Any text
XON: Organization name; Name type; ID number; Check digit; Check digit scheme; Assigning
  authority; Identifier type
PL: Point of care; Room; Bed; Facility; Location status; Person location type; Building;
  Floor; Location description
CQ: Quantity; Units
TQ: Quantity; Interval; Duration; Start; End; Priority; Condition; Text
TS: Time; Degree of precision
DR: Start; End
NDL: Name; Start; End; Point of care; Room; Bed; Facility
SPS: Specimen source; Additives; Text; Body site; Site modifier; Collection method
PRL: Parent observation; Sub-ID; Value
SN: Comparator; First number; Separator; Second number
ED: Source application; Type of data; Data subtype; Encoding; Data
RP: Pointer; Application; Type of data; Subtype
ELD: Segment; Segment sequence; Field position; Error code
ERL: Segment; Segment sequence; Field position; Field repetition; Component number;
  Sub-component number
CP: Price; Price type
FC: Financial class; Effective date
DLN: License number; Issuing state; Expiration date
DLD: Discharge location; Effective date
"""

_SEGMENTS = """
MSH Message header: ST Field separator; ST Encoding characters; HD Sending application;
  HD Sending facility; HD Receiving application; HD Receiving facility; TS Date and time
  of message; ST Security; MSG Message type; ST Message control ID; PT Processing ID;
  VID Version; NM Sequence number; ST Continuation pointer; ID Accept acknowledgment
  type; ID Application acknowledgment type; ID Country code; ID Character set; CE
  Principal language; ID Alternate character set handling; EI Message profile identifier
MSA Message acknowledgment: ID Acknowledgment code; ST Message control ID; ST Text; NM
  Expected sequence number; ID Delayed acknowledgment type; CE Error condition
ERR Error: ELD Error code and location; ERL Error location; CWE HL7 error code; ID
  Severity; CWE Application error code; ST Application error parameter; TX Diagnostic
  information; TX User message; IS Inform person indicator; CWE Override type; CWE
  Override reason; XTN Help desk contact point
EVN Event type: ID Event type; TS Recorded date and time; TS Date and time of planned
  event; IS Event reason; XCN Operator; TS Event occurred; HD Event facility
PID Patient identification: SI Set ID; CX Patient ID; CX Patient identifier list; CX
  Alternate patient ID; XPN Patient name; XPN Mother's maiden name; TS Date and time of
  birth; IS Administrative sex; XPN Patient alias; CE Race; XAD Patient address; IS
  County code; XTN Phone number, home; XTN Phone number, business; CE Primary language;
  CE Marital status; CE Religion; CX Patient account number; ST Social security number;
  DLN Driver's license number; CX Mother's identifier; CE Ethnic group; ST Birth place;
  ID Multiple birth indicator; NM Birth order; CE Citizenship; CE Veterans military
  status; CE Nationality; TS Date and time of death; ID Death indicator; ID Identity
  unknown indicator; IS Identity reliability; TS Last update date and time; HD Last
  update facility; CE Species; CE Breed; ST Strain; CE Production class; CWE Tribal
  citizenship
PV1 Patient visit: SI Set ID; IS Patient class; PL Assigned patient location; IS
  Admission type; CX Preadmit number; PL Prior patient location; XCN Attending doctor;
  XCN Referring doctor; XCN Consulting doctor; IS Hospital service; PL Temporary
  location; IS Preadmit test indicator; IS Re-admission indicator; IS Admit source; IS
  Ambulatory status; IS VIP indicator; XCN Admitting doctor; IS Patient type; CX Visit
  number; FC Financial class; IS Charge price indicator; IS Courtesy code; IS Credit
  rating; IS Contract code; DT Contract effective date; NM Contract amount; NM Contract
  period; IS Interest code; IS Transfer to bad debt code; DT Transfer to bad debt date;
  IS Bad debt agency; NM Bad debt transfer amount; NM Bad debt recovery amount; IS
  Delete account indicator; DT Delete account date; IS Discharge disposition; DLD
  Discharged to location; CE Diet type; IS Servicing facility; IS Bed status; IS Account
  status; PL Pending location; PL Prior temporary location; TS Admit date and time; TS
  Discharge date and time; NM Current patient balance; NM Total charges; NM Total
  adjustments; NM Total payments; CX Alternate visit ID; IS Visit indicator; XCN Other
  healthcare provider
ORC Common order: ID Order control; EI Placer order number; EI Filler order number; EI
  Placer group number; ID Order status; ID Response flag; TQ Quantity and timing; EIP
  Parent; TS Date and time of transaction; XCN Entered by; XCN Verified by; XCN Ordering
  provider; PL Enterer's location; XTN Call back phone number; TS Order effective date
  and time; CE Order control code reason; CE Entering organization; CE Entering device;
  XCN Action by; CE Advanced beneficiary notice; XON Ordering facility name; XAD
  Ordering facility address; XTN Ordering facility phone number; XAD Ordering provider
  address; CWE Order status modifier
OBR Observation request: SI Set ID; EI Placer order number; EI Filler order number; CE
  Universal service identifier; ID Priority; TS Requested date and time; TS Observation
  date and time; TS Observation end date and time; CQ Collection volume; XCN Collector;
  ID Specimen action code; CE Danger code; ST Relevant clinical information; TS Specimen
  received date and time; SPS Specimen source; XCN Ordering provider; XTN Order callback
  phone number; ST Placer field 1; ST Placer field 2; ST Filler field 1; ST Filler field
  2; TS Results reported or status changed; MOC Charge to practice; ID Diagnostic
  service section; ID Result status; PRL Parent result; TQ Quantity and timing; XCN
  Result copies to; EIP Parent; ID Transportation mode; CE Reason for study; NDL
  Principal result interpreter; NDL Assistant result interpreter; NDL Technician; NDL
  Transcriptionist; TS Scheduled date and time; NM Number of sample containers; CE
  Transport logistics; CE Collector's comment; CE Transport arrangement responsibility;
  ID Transport arranged; ID Escort required; CE Planned patient transport comment; CE
  Procedure code; CE Procedure code modifier; CE Placer supplemental service
  information; CE Filler supplemental service information; CWE Medically necessary
  duplicate procedure reason; IS Result handling
OBX Observation: SI Set ID; ID Value type; CE Observation identifier; ST Observation
  sub-ID; ST Observation value; CE Units; ST References range; IS Abnormal flags; NM
  Probability; ID Nature of abnormal test; ID Observation result status; TS Effective
  date of reference range; ST User defined access checks; TS Date and time of the
  observation; CE Producer; XCN Responsible observer; CE Observation method; EI
  Equipment instance identifier; TS Date and time of the analysis; ST Reserved; ST
  Reserved; ST Reserved; XON Performing organization name; XAD Performing organization
  address; XCN Performing organization medical director
NTE Notes and comments: SI Set ID; ID Source of comment; FT Comment; CE Comment type
SPM Specimen: SI Set ID; EIP Specimen ID; EIP Specimen parent IDs; CWE Specimen type;
  CWE Specimen type modifier; CWE Specimen additives; CWE Specimen collection method;
  CWE Specimen source site; CWE Specimen source site modifier; CWE Specimen collection
  site; CWE Specimen role; CQ Specimen collection amount; NM Grouped specimen count; ST
  Specimen description; CWE Specimen handling code; CWE Specimen risk code; DR Specimen
  collection date and time; TS Specimen received date and time; TS Specimen expiration
  date and time; ID Specimen availability; CWE Specimen reject reason; CWE Specimen
  quality; CWE Specimen appropriateness; CWE Specimen condition; CQ Specimen current
  quantity; NM Number of specimen containers; CWE Container type; CWE Container
  condition; CWE Specimen child role
QRD Query definition: TS Query date and time; ID Query format; ID Query priority; ST
  Query ID; ID Deferred response type; TS Deferred response date and time; CQ Quantity
  limited request; XCN Who subject filter; CE What subject filter; CE What department
  data code; VR What data code value qualifier; ID Query results level
QPD Query parameters: CE Message query name; ST Query tag; ST User parameters
SCH Schedule activity: EI Placer appointment ID; EI Filler appointment ID; NM Occurrence
  number; EI Placer group number; CE Schedule ID; CE Event reason; CE Appointment
  reason; CE Appointment type; NM Appointment duration; CE Appointment duration units;
  TQ Appointment timing; XCN Placer contact person; XTN Placer contact phone number; XAD
  Placer contact address; PL Placer contact location; XCN Filler contact person; XTN
  Filler contact phone number; XAD Filler contact address; PL Filler contact location;
  XCN Entered by; XTN Entered by phone number; PL Entered by location; EI Parent placer
  appointment ID; EI Parent filler appointment ID; CE Filler status; EI Placer order
  number; EI Filler order number
AL1 Patient allergy: SI Set ID; CE Allergen type; CE Allergen; CE Allergy severity; ST
  Allergy reaction; DT Identification date
DG1 Diagnosis: SI Set ID; ID Diagnosis coding method; CE Diagnosis; ST Diagnosis
  description; TS Diagnosis date and time; IS Diagnosis type; CE Major diagnostic
  category; CE Diagnostic related group; ID DRG approval indicator; IS DRG grouper
  review; CE Outlier type; NM Outlier days; CP Outlier cost; ST Grouper version and
  type; ID Diagnosis priority; XCN Diagnosing clinician; IS Diagnosis classification; ID
  Confidential indicator; TS Attestation date and time; EI Diagnosis identifier; ID
  Diagnosis action
NK1 Next of kin: SI Set ID; XPN Name; CE Relationship; XAD Address; XTN Phone number;
  XTN Business phone number; CE Contact role; DT Start date; DT End date; ST Job title;
  JCC Job code; CX Employee number; XON Organization name; CE Marital status; IS
  Administrative sex; TS Date and time of birth; IS Living dependency; IS Ambulatory
  status; CE Citizenship; CE Primary language; IS Living arrangement; CE Publicity; ID
  Protection indicator; IS Student indicator; CE Religion; XPN Mother's maiden name; CE
  Nationality; CE Ethnic group; CE Contact reason; XPN Contact person's name; XTN
  Contact person's phone number; XAD Contact person's address; CX Identifiers; IS Job
  status; CE Race; IS Handicap; ST Contact person's social security number; ST Birth
  place; IS VIP indicator
IN1 Insurance: SI Set ID; CE Insurance plan; CX Insurance company ID; XON Insurance
  company name; XAD Insurance company address; XPN Insurance company contact person; XTN
  Insurance company phone number; ST Group number; XON Group name; CX Insured's group
  employer ID; XON Insured's group employer name; DT Plan effective date; DT Plan
  expiration date; ST Authorization information; IS Plan type; XPN Name of insured; CE
  Insured's relationship to patient; TS Insured's date of birth; XAD Insured's address;
  IS Assignment of benefits; IS Coordination of benefits; ST Coordination of benefits
  priority; ID Notice of admission flag; DT Notice of admission date; ID Report of
  eligibility flag; DT Report of eligibility date; IS Release information; ST Pre-admit
  certification; TS Verification date and time; XCN Verification by; IS Type of
  agreement; IS Billing status; NM Lifetime reserve days; NM Delay before lifetime
  reserve day; IS Company plan; ST Policy number; CP Policy deductible; CP Policy limit
  amount; NM Policy limit days; CP Room rate, semi-private; CP Room rate, private; CE
  Insured's employment status; IS Insured's administrative sex; XAD Insured's employer's
  address; ST Verification status; IS Prior insurance plan; IS Coverage type; IS
  Handicap; CX Insured's ID number
"""

_FURTHER = """
FHS File header; FTS File trailer; BHS Batch header; BTS Batch trailer; SFT Software;
PD1 Patient demographic; PV2 Patient visit, additional; MRG Merge patient information;
ROL Role; GT1 Guarantor; IN2 Insurance, additional; IN3 Insurance, certification; ACC
Accident; PR1 Procedures; FT1 Financial transaction; TQ1 Timing and quantity; TQ2 Timing
and quantity relationship; TXA Document notification; CTI Clinical trial; CTD Contact
data; DSC Continuation pointer; DSP Display data; QAK Query acknowledgment; QRF Query
filter; RCP Response control; RDF Table row definition; RDT Table row data; RXO Pharmacy
order; RXE Pharmacy encoded order; RXD Pharmacy dispense; RXA Pharmacy administration;
RXR Pharmacy route; RXC Pharmacy component; RGS Resource group; AIS Appointment service;
AIG Appointment resource; AIL Appointment location; AIP Appointment personnel; SAC
Specimen container; INV Inventory; EQU Equipment; ECD Equipment command; ECR Equipment
command response; EQP Equipment log; ISD Interaction status; NST Statistics; NDS
Notification detail; TCC Test code configuration; TCD Test code detail; SID Substance
identifier; NCK System clock; MFI Master file identification; MFE Master file entry; MFA
Master file acknowledgment; STF Staff identification; OM1 General observation; LOC
Location; BLG Billing; UB1 Uniform billing 1; UB2 Uniform billing 2; ADD Addendum
"""


def _entries(table: str) -> dict[str, list[str]]:
    """head -> what stands behind its colon, between semicolons."""
    found = {}
    for line in table.replace("\n  ", " ").strip().split("\n"):
        head, _, rest = line.partition(": ")
        found[head] = [each.strip() for each in rest.split(";")]
    return found


#: Data type -> the titles of its components.
TYPES: Mapping[str, tuple[str, ...]] = {
    name: tuple(titles) for name, titles in _entries(_TYPES).items()
}


def _word(entry: str) -> Word:
    type_name, _, title = entry.partition(" ")
    return Word(title, TYPES.get(type_name, ()))


_HEADS = {head.partition(" ")[0]: head for head in _entries(_SEGMENTS)}

#: Segment -> what it is called.
TITLES: Mapping[str, str] = {
    **{name: head.partition(" ")[2] for name, head in _HEADS.items()},
    **{
        each.split(None, 1)[0]: each.split(None, 1)[1].replace("\n", " ")
        for each in _FURTHER.strip().split(";")
    },
}

#: Segment -> its fields, the first at index 0.
FIELDS: Mapping[str, tuple[Word, ...]] = {
    name: tuple(_word(entry) for entry in _entries(_SEGMENTS)[head])
    for name, head in _HEADS.items()
}
