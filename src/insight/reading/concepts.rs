//! Words that mean much the same to somebody who reads a lead's message: the model learns about the concept from one
//! of them, and knows the others. Data only; written as `text.rs` leaves words, `*` after a stem stands for any ending.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// The concept of a word, if it has one: a number below 128, the same as long as the table does not change.
pub(super) fn concept(word: &str) -> Option<u8> {
    static INDEX: LazyLock<Index> = LazyLock::new(Index::new);
    let index = &*INDEX;
    if let Some(concept) = index.exact.get(word) {
        return Some(*concept);
    }
    let digit = word.as_bytes().first()?.is_ascii_digit();
    if digit {
        let hour = word.contains(['h', ':']) || word.ends_with("am") || word.ends_with("pm");
        return Some(index.exact[if hour { "#h" } else { "#" }]);
    }
    // The longest stem knows best.
    (3..=word.len().min(14)).rev().find_map(|length| index.stems.get(word.get(..length)?).copied())
}

struct Index {
    exact: HashMap<&'static str, u8, FixedState>,
    stems: HashMap<&'static str, u8, FixedState>,
}

impl Index {
    fn new() -> Self {
        let mut index = Self { exact: HashMap::default(), stems: HashMap::default() };
        for (number, words) in CONCEPTS.iter().enumerate() {
            for word in words.split_whitespace() {
                match word.strip_suffix('*') {
                    Some(stem) => index.stems.insert(stem, number as u8),
                    None => index.exact.insert(word, number as u8),
                };
            }
        }
        index
    }
}

const CONCEPTS: &[&str] = &[
    // Who.
    "je j moi i me my mon ma mes m mine myself perso im",
    "nous on we us our notre nos ours ourselves",
    "vous tu te t toi votre vos ton ta tes you your yours",
    "mari femme conjoint conjointe epoux epouse compagnon compagne associe associee associes patron patronne chef cheffe direction directeur directrice dirigeant gerant gerante dg daf comite conseil syndic copro equipe collaborateurs husband wife partner boss director board committee council team cofounder founder cfo ceo md manager landlord",
    "il elle ils elles client cliente prospect lui leur monsieur madame he she they him her them someone anyone",
    "frere soeur cousin cousine voisin voisine ami amie amis copain copine collegue collegues beaufrere bellesoeur beaupere mere pere maman papa oncle tante neighbour neighbor friend friends mate colleague colleagues brother sister cousin mum dad uncle aunt confreres",
    "fils fille enfant enfants bebe gamin son daughter kid kids child children baby",
    // Yes, no, and between.
    "pas non no not none nope niet aucun aucune aucunement nullement ni jamais never rien nothing neither nor sans without ne n guere nul",
    "plus longer anymore",
    "oui yes sure absolument certainement evidemment volontiers definitely absolutely",
    "ok okay accord entendu marche roule note compris vu noted understood received recu recue got dac",
    "merci mercis thanks remercie remercions remerciement* grateful ta cheers appreciate* thankful",
    "super parfait parfaite genial top nickel excellent* ravi ravie enchante* adore* content contente contents apprecie apprecies bravo felicitation* magnifique bluffe* seduit* emball* convaincu* convainc* plait great perfect lovely brilliant amazing awesome wonderful fantastic enjoyed pleased delighted loved impressed best impeccable canon",
    "bonjour bonsoir salut hello hi hey coucou dear madame monsieur",
    "bientot bye revoir journee soiree weekend cordialement salutations regards wishes bises bisous ciao continuation courage luck",
    "emojiok",
    "emojijoy",
    "lol mdr ptdr haha hahaha ahah lmao rofl xd",
    "mais but cependant toutefois pourtant however though although except sauf hormis",
    "si if whether",
    "et ou and or",
    // Wishing and needing.
    "veux veut voudrais voudrait voudrions voulons voulais voulait souhaite souhaites souhaitons souhaiterais souhaiterait souhaiterions souhaitent aimerais aimerait aimerions desire* envie want wants wanted wanna like love fancy keen wish prefer prefere preferons prefererais",
    "interesse interessent interessons interet interesses interessante motive motives partant partante curieux curieuse interested interest chaud chauds chaude tente tentes preneur preneuse emballe",
    "besoin besoins faut faudra faudrait faudrai need needs needed require requires requirement* requirements necessite* indispensable",
    "cherche cherchons recherche recherchons recherchent cherchent cherchais looking seeking searching hunting after souhaiterait",
    "pouvez pourriez peux pourrais pouvais pourrait peut pouvons pourrions saurait sauriez can could would will might may possible possibilite moyen faisable jouable envisageable",
    "svp stp please veuillez kindly pls priere prie saurais gre",
    // Asking.
    "quel quelle quels quelles lequel laquelle which what koi quoi",
    "quand when date dates delai delais how delay",
    "combien much cost costs",
    "comment pourquoi why qui who where ou",
    "savoir connaitre renseigner know wondering demander demande demandait asked asks asking question questions renseignement* voulait",
    // Money.
    "prix tarif tarifs tarification tarifaire* cout couts coute coutent couterait honoraires cotisation* montant forfait forfaits price prices pricing priced rate rates fee fees charge charges quoted mensualite reviendrait revient facturez toll budget enveloppe budgets",
    "remise reduction rabais ristourne discount geste negocier negocie negociable promo promotion degressif degressifs baisser baissez arrondir moyenner descendre descendez cheaper flexibility wiggle aligner effort haggle knock moins",
    "cher chere chers cheres eleve eleves elevee hors dessus depasse depassent onereux exorbitant* expensive pricey steep dear overpriced costly douille unaffordable afford exagere* abuse*",
    "eur euro euros balles k kf usd pounds quid dollars gbp bucks chf ht ttc hors centimes",
    "devis chiffrage chiffrer chiffrez chiffre chiffree proposition propositions propal cotation estimation estimatif etude quote quotes quotation quotations estimate estimates proposal proposals soumission bid bids tender rfp rfq proforma offre offres offer offers simulation",
    "payer paye paie payez paiement paiements regler regle reglement reglements virement virements acompte acomptes arrhes rib iban cb carte cheque cheques mensualites echeances echelonner etaler especes cash pay paid paying payment payments deposit deposits instalments installments transfer card klarna paypal financing financement leasing loa lld credit",
    "contrat contrats convention bail engagement clause clauses article avenant conditions cgv terms contract contracts agreement lease renewal renouvellement juriste solicitor notaire signature signatures legal",
    "facture factures facturation facture* avoir tva invoice invoices invoiced bill billed billing vat preleve* prelevement* debite* debited charged overcharged duplicata justificatif impaye* penalite* recouvrement litige statement",
    "rembours* refund* reimburs*",
    "erreur erreurs faux fausse incorrect incorrecte errone* anomalie doublon double deux twice wrong mistake incorrect* conteste* dispute* injustifie* indu indument",
    // Buying.
    "prends prend prenons prendrai prendrons commande commandes commander commandons commandee valide validons valider validee confirme confirmons confirmer achete acheter achetons achat achats souscris souscrire souscrivons order ordered ordering orders buy buying purchase purchasing po took take taking renew",
    "signe signer signons signerai signerons signee signed sign signing accepte acceptons accepter retenons retenu retenue choisissons choisi choisit accept accepted approved approve approuve attribue attribuons confions confier acceptance award",
    "reserve reserver reservons reservation resa inscrire inscrivez inscription inscris inscrit inscrits abonner abonne abonnons book booked booking reservation register registered enrol enroll join subscribe bloque bloquez bloquer",
    "go banco adjuge parti partons lance lancez lancer lancons demarre demarrer demarrez commencer commencez allez allons fonce avance avancer avancons proceed start started begin ahead onboard onboarding poursuivre conclu",
    // Getting together and talking.
    "envoyer envoyez envoie envoi envois envoies transmettre transmettez adresser adressez parvenir fournir communiquer faire faites send sending sent email mail forward share provide mailez joindre join",
    "rappeler rappelez rappelle rappel recontacter recontactez recontactee appeler appelez appelle joindre joignable telephone telephoner tel fil portable bigophone contacter contactez call calls ring phone bell callback reach gimme dial",
    "rdv rendez visite visiter visites visio rencontrer rencontre voir demo demos demonstration presentation presenter montrer montriez montrez reunion zoom teams meet invitation passage passer passez venir venez viewing meeting appointment visit show walk walkthrough showroom survey pop cafe coffee chat discuter discussion echanger echange voit audition* slot creneau creneaux call",
    "essai essais essayer tester test trial try demo pilote pilot tasting degustation echantillon* sample samples",
    "dispo disponible disponibles disponibilite disponibilites libre libres stock reste place places rupture complet available availability left free vacancy capacity still vendre louer stock slots toujours tjs",
    "livrer livrez livre livraison poser pose posez installer installez installation intervenir interveniez fabriquer deliver delivery delivered install installed fitting ship shipping dispatch",
    "lundi mardi mercredi jeudi vendredi samedi dimanche demain apresdemain monday tuesday wednesday thursday friday saturday sunday tomorrow tonight soir matin aprem midi apresmidi morning afternoon evening mon tue tues wed thu thurs fri sat sun semaine week weekend lun mar mer jeu ven",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre january february march april may june july august september october november december jan feb apr jun jul aug sept oct nov dec",
    "prochain prochaine prochainement next later tard ulterieurement apres rentree printemps ete automne hiver trimestre semestre exercice mois annee an ans spring summer autumn winter quarter year years month months fetes noel xmas christmas vacances 2027 2028 avenir",
    "urgent urgence urgente urgemment vite rapidement asap immediat immediate immediatement immediately aujourdhui today now sos presse pressee pressante depeche absolument dernier quickly quick tonight emergency desperate rush",
    "#",
    "#h",
    "personnes pers pax couverts invites adultes m2 metres cm kg litres unites exemplaires pieces postes licences utilisateurs users seats licenses people guests units copies employees salaries collaborateurs agences sites",
    // Refusing.
    "refus* declin* renonc* abandonn* tant tomber laisse laissons drop dropped reject* rejected refusal decline* turn down pass against scrap forget shelve* unsuccessful clos close classe classee mort regret* malheureusement unfortunately desole sorry dsl abstenir regrettons",
    "inutile unnecessary pointless useless insister insist bother bof nah mouais meh utile",
    "annul* cancel* resili* terminat* rompre fin",
    "reflech* reflexion decider decide decision pense penser hesit* think thinking consider* digerer parler discuss sleep umming umm ahhing voir weigh* undecided tranch*",
    "report* repouss* attend* pause attente gele gelee suspend* sommeil decal* wait waiting hold postpon* delay* park* parked defer* freeze frozen standby differe relancer recontacterai reviendrai revenir",
    "concurrent concurrents concurrence concurrente confrere confreres ailleurs autre autres prestataire fournisseur actuel competitor competitors competition elsewhere another other others rival supplier provider vendor vendors incumbent current",
    "deja already depuis entretemps",
    "trouve trouvee trouver trouves found equipe equipes equipee equipees pourvu reconduit reconduire chosen chose went gone picked opted opte hired confie confiee",
    "compar* diff difference differences differe* distingue* versus vs mieux meilleur meilleure meilleurs better entre between shortlist shortlisted plutot preferable avantage* conseillez recommandez weighing beat match",
    "recommande* conseille conseillee part parle parlee file suggested recommended recommendation referred referral introduced mention* refer bouche",
    // Trouble.
    "panne casse cassee casses fuit fuite fuites bug bugs bugge plante fissure* raye raye abime* defectueu* fonctionne marche ferme demarre broken leak leaking leaks crash crashes crashing faulty damaged stopped failed fails fault clignote siffle* bruit froid defaut infiltration* ouvert eventre manque manquant incomplet missing erreur404",
    "inadmissible inacceptable scandaleu* honteu* decu decue decus deception mecontent* plainte reclamation furieu* excuses excedee colere complain complaint complaints unacceptable angry irate furious appalling disgusting terrible awful rude disappointed bacle* nul nuls nulle",
    "sav support technicien technicienne depann* reparer reparation garantie engineer repair* warranty ticket assistance conseiller",
    "mdp password login connexion connecter compte acces mot espace account portal access identifiant* appli app logiciel application software reset bug parametr* export profil profile",
    "colis commande livreur parcel package order driver courier suivi tracking",
    "retard retards late toujours encore attends attend semaines promis promise* still yet overdue",
    // To be left alone.
    "stop arret* arrete cess* cesse stoppez cease end finir terme marre bol",
    "supprim* retir* effac* enlev* ray* radier remov* delete* erase* sortez sortir virez oubli* take off",
    "liste listes fichier fichiers base bases newsletter mailing list lists database lettre diffusion donnees data coordonnees numero number details rgpd gdpr cnil bloctel opposition contacts destinataires",
    "relances relance sollicit* demarch* spam spams spammer pub pubs publicite* publicitaire* marketing harcel* prospection indesirable* sms messages mails courriels emails texts texting solicit* harass* junk envois appels calls",
    "desinscri* desabonn* unsubscri* optout opt blackliste* block* bloquer tranquille paix alone lachez foutez fichez",
    // Not whom we meant.
    "trompe trompez erreur mauvais numero homonyme confondez confond wrong mistaken person personne destine interlocuteur interlocutrice appelle attribue reattribue number connais inconnu inconnue",
    "quitte retraite effectifs charge occupe exerce concerne concernee left retired resigned handle responsible department service",
    // Machines.
    "automatique automatiquement auto automatic automated autoreply genere noreply robot bot accuse acknowledgement",
    "absent absente absence conge conges bureau messagerie mailbox inbox office leave ooo vacation holiday retour return returning deplacement formation maternite paternite parental travelling conference arret maladie absences",
    "remise destinataire introuvable delivery undeliver* failed failure bounced expediteur sender recipient postmaster daemon mailer",
    "ferme fermes fermee fermeture ouverture ouvert ouverts ouverte horaires closed open opening hours reopen reouverture ouvrables ouvrees business",
    "enregistre* traite* traitee repondrons repondra recontacterons delais meilleurs shortly soon team conseiller within hours heures dossier case",
    // Offering.
    "nos services solution solutions accompagnons accompagne aidons aide propose proposons offrons specialis* fabricant fabriquons commercialis* developpons agence cabinet editeur leader leading help helping helps specialise specialize manufacturer manufacture boost audit referencement seo leads visibilite clients partenariat partnership brochure catalogue",
    "permets permettre solliciter proposer presenter decouvrir profiter beneficier vendre vends sell selling introduce reach noticed discover peers businesses companies entreprises confreres gratuit gratuite free offert offerte exceptionnel exceptionnels imbattable*",
    // Work.
    "cv candidat* postul* stage stages stagiaire alternance alternant* apprentissage apprenti apprentie poste postes emploi boulot taf job jobs embauch* recrut* vacancy vacancies internship intern resume apprenticeship hiring hire role position motivation experience interim interimaire openings career carriere diplome* seconde troisieme vacation salaire salariales",
    "etudiant etudiante etudiants ecole bts master licence dut student university college etudes classe eleve eleves",
    // Telling.
    "info infos information informations renseigne documentation doc docs brochure plaquette catalogue details detail photos fiche programme guide",
    "adresse address parking horaire located location situe quartier route etage acces batiment itineraire",
    "projet projets project projects chantier travaux renover renovation construire construction mariage wedding seminaire evenement event demenag* amenag* ouvrons ouverture lancement move moving build",
    "emojino emojiangry",
    "blague reve revez revent reins rein diamant or poules pape bravo chapeau formidable genereux genereuse record jackpot dream dreaming kidney gold joke kidding hilarious wow clap incroyable miracle",
    "vraiment tres trop hyper tellement bien bon bonne really very so too absolutely carrement franchement",
    "juste just only seulement simplement",
    "maintenant actuellement currently moment instant actuel present presently at",
    "finalement enfin final actually instead eventually changed change avis mind",
    "fait fais faire do done does did doing",
    "est sont etait is are was were be been etes suis am sommes",
    "avez avons ai as a have has had auriez avoir",
    "ce cette ces ca cela this that these those it la le les l",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_concept_are_one() {
        assert_eq!(concept("devis"), concept("quote"));
        assert_eq!(concept("annulez"), concept("cancelled"));
        assert_ne!(concept("devis"), concept("merci"));
        assert_eq!(concept("12"), concept("300"));
        assert_ne!(concept("14h30"), concept("300"));
        assert_eq!(concept("xylophone"), None);
        assert!(CONCEPTS.len() < 128);
    }

    #[test]
    fn concepts_are_written_as_words_are_read() {
        for word in CONCEPTS.iter().flat_map(|words| words.split_whitespace()) {
            let stem = word.trim_end_matches('*');
            assert!(stem.is_ascii(), "{word}");
            assert!(!word.ends_with('*') || (3..=14).contains(&stem.len()), "{word}");
        }
    }
}
