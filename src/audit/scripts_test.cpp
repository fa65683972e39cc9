#include "audit/scripts.h"

#include <gtest/gtest.h>

namespace polytask::audit {
namespace {

TEST(ScriptOf, NamesTheScriptOfMostLetters) {
  EXPECT_EQ(script_of("my card 123"), "latin");
  EXPECT_EQ(script_of("где моя карта"), "cyrillic");
  EXPECT_EQ(script_of("카드가 아직"), "hangul");
  EXPECT_EQ(script_of("我的卡还没有到"), "han");
  EXPECT_EQ(script_of("カードが届かない"), "japanese");
  EXPECT_EQ(script_of("iPhone の充電"), "japanese");
  EXPECT_EQ(script_of("the word の stands in an English text"), "latin");
  EXPECT_EQ(script_of("12:30 !? \xF0\x9F\x98\x80"), "none");
  EXPECT_EQ(script_of(""), "none");
}

TEST(LanguageOf, NeedsTwoSmallWords) {
  EXPECT_EQ(language_of("Where is the card that you sent to me?"), "latin-en");
  EXPECT_EQ(language_of("Ich habe die Karte nicht bekommen"), "latin-de");
  EXPECT_EQ(language_of("Je ne vois pas la carte dans mon compte"), "latin-fr");
  EXPECT_EQ(language_of("No puedo ver el saldo de mi cuenta"), "latin-es");
  EXPECT_EQ(language_of("Card"), "latin");
  EXPECT_EQ(language_of("カードが届かない"), "japanese");
}

}  // namespace
}  // namespace polytask::audit
