import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.DecoderFactory;

/** Prints an Avro datum as JSON. Arguments: file with the schema, file with the bytes. */
public final class DecodeAvro {
  public static void main(String[] args) throws Exception {
    Schema schema = new Schema.Parser().parse(Files.readString(Path.of(args[0])));
    byte[] datum = Files.readAllBytes(Path.of(args[1]));
    System.out.println(new GenericDatumReader<>(schema).read(null, DecoderFactory.get().binaryDecoder(datum, null)));
  }
}
