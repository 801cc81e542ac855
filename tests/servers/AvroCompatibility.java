import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.TreeSet;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/**
 * Says for each line, a reader's schema and a writer's with a tab between them, what keeps the reader from reading: the
 * kinds of Apache's SchemaCompatibility, each once, in order, with commas between them; "error" and the reason where it
 * has no answer.
 */
public class AvroCompatibility {
  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, "UTF-8");
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] schemas = line.split("\t");
      out.println(compare(schemas[0], schemas[1]));
    }
    out.flush();
  }

  private static String compare(String reader, String writer) {
    try {
      Schema read = new Schema.Parser().parse(reader);
      Schema written = new Schema.Parser().parse(writer);
      TreeSet<String> kinds = new TreeSet<>();
      SchemaCompatibility.checkReaderWriterCompatibility(read, written).getResult().getIncompatibilities()
          .forEach(found -> kinds.add(found.getType().name()));
      return String.join(",", kinds);
    } catch (Exception | StackOverflowError problem) {
      return "error " + String.valueOf(problem.getMessage()).replaceAll("\\s+", " ");
    }
  }
}
